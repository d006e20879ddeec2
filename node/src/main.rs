//! The `xiangyue` binary.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    xiangyue_node::cli::main()
}
