#!/usr/bin/env bash
# A sweep as an array job of a batch system (Slurm's words; others differ in the names of two variables).
# Submit with:   sbatch --array=0-7 sweep-array-job.sh valley.toml /shared/valley
# Afterwards:    xiangyue-sim merge /shared/valley/shard-* --out /shared/valley/all
# A task that is stopped or fails can be submitted again: finished runs are kept.
#SBATCH --job-name=xiangyue-sweep
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
# Told two minutes before the end, the simulator writes what it has.
#SBATCH --signal=TERM@120
set -euo pipefail

scenario=${1:?scenario file}
out=${2:?folder that every task can write to}
task=${SLURM_ARRAY_TASK_ID:-0}
tasks=${SLURM_ARRAY_TASK_COUNT:-1}

exec xiangyue-sim sweep "$scenario" \
    --shard "$task/$tasks" \
    --jobs "${SLURM_CPUS_PER_TASK:-1}" \
    --out "$out/shard-$task"
