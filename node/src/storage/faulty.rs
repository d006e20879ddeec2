//! A disk in memory that fails on request, fills up, and forgets at a power cut whatever was not synced.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Access, Disk, DiskFile};

/// Unit in which a power cut keeps or loses unsynced bytes when it does not simply stop in the middle.
const SECTOR: usize = 512;

/// A small generator for tests: the same seed, the same faults.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}

/// How a power cut treats unsynced writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum PowerCut {
    /// All writes up to a byte, none after it.
    InOrder,
    /// Any subset of sectors, with the file already at its new length.
    AnySectors,
}

#[derive(Debug)]
enum Op {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Debug, Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Op>,
}

#[derive(Debug, Default)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Writes, cuts and syncs so far.
    operations: u64,
    syncs: u64,
    fail: Option<(u64, ErrorKind)>,
    capacity: Option<usize>,
    /// Whether the disk tells how much is free, or only finds out when writing.
    tells_free: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct FaultyDisk(Arc<Mutex<World>>);

#[derive(Debug)]
struct Handle {
    world: Arc<Mutex<World>>,
    inode: usize,
}

impl FaultyDisk {
    /// Lets the operation with this number, counted from now, and no other fail.
    pub(super) fn fail_operation(&self, number: u64, kind: ErrorKind) {
        let mut world = self.0.lock().unwrap();
        world.fail = Some((world.operations + number, kind));
    }

    /// Writes, cuts and syncs so far.
    pub(super) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// Syncs of files so far.
    pub(super) fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    /// Limits the bytes of all files together.
    pub(super) fn limit(&self, capacity: Option<usize>, tells_free: bool) {
        let mut world = self.0.lock().unwrap();
        world.capacity = capacity;
        world.tells_free = tells_free;
    }

    /// Cuts the power: what was not synced survives in part.
    pub(super) fn cut_power(&self, how: PowerCut, dice: &mut Dice) {
        let mut world = self.0.lock().unwrap();
        world.names = world.durable_names.clone();
        world.fail = None;
        for inode in &mut world.inodes {
            let pending = std::mem::take(&mut inode.pending);
            let total: usize = pending.iter().map(Op::bytes).sum();
            let mut left = usize::try_from(dice.below(total as u64 + 1)).unwrap();
            for op in pending {
                match how {
                    PowerCut::InOrder if left == 0 && op.bytes() > 0 => break,
                    PowerCut::InOrder => {
                        let taken = op.bytes().min(left);
                        left -= taken;
                        apply(&mut inode.durable, &op, |i| i < taken);
                    }
                    PowerCut::AnySectors => {
                        let keep: Vec<bool> = (0..op.bytes() / SECTOR + 2).map(|_| dice.below(2) == 0).collect();
                        if let Op::Write(offset, bytes) = &op
                            && inode.durable.len() < offset + bytes.len()
                        {
                            inode.durable.resize(offset + bytes.len(), 0);
                        }
                        let start = op.offset() % SECTOR;
                        apply(&mut inode.durable, &op, |i| keep[(start + i) / SECTOR]);
                    }
                }
            }
            inode.now = inode.durable.clone();
        }
    }

    /// Flips one bit on the disk itself.
    pub(super) fn flip(&self, path: &Path, offset: usize, bit: u8) {
        self.edit(path, |bytes| bytes[offset] ^= 1 << bit);
    }

    /// Changes a file's bytes behind everybody's back.
    pub(super) fn edit(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut world = self.0.lock().unwrap();
        let inode = world.names[path];
        change(&mut world.inodes[inode].now);
        change(&mut world.inodes[inode].durable);
    }

    /// A file's bytes.
    pub(super) fn contents(&self, path: &Path) -> Vec<u8> {
        let world = self.0.lock().unwrap();
        world.inodes[world.names[path]].now.clone()
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &Path) {
        let mut world = self.0.lock().unwrap();
        world.names.remove(path);
        world.durable_names.remove(path);
    }

    /// All files with their lengths.
    pub(super) fn files(&self) -> Vec<(PathBuf, usize)> {
        let world = self.0.lock().unwrap();
        world.names.iter().map(|(path, &inode)| (path.clone(), world.inodes[inode].now.len())).collect()
    }
}

impl Op {
    fn bytes(&self) -> usize {
        match self {
            Op::Write(_, bytes) => bytes.len(),
            Op::Cut(_) => 0,
        }
    }

    fn offset(&self) -> usize {
        match self {
            Op::Write(offset, _) | Op::Cut(offset) => *offset,
        }
    }
}

/// Applies those bytes of an operation that `keep` lets through.
fn apply(file: &mut Vec<u8>, op: &Op, keep: impl Fn(usize) -> bool) {
    match op {
        Op::Cut(length) => file.truncate(*length),
        Op::Write(offset, bytes) => {
            for (i, byte) in bytes.iter().enumerate().filter(|(i, _)| keep(*i)) {
                if file.len() <= offset + i {
                    file.resize(offset + i + 1, 0);
                }
                file[offset + i] = *byte;
            }
        }
    }
}

impl World {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fail {
            Some((number, kind)) if number == self.operations => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn used(&self) -> usize {
        self.names.values().map(|&inode| self.inodes[inode].now.len()).sum()
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let world = self.0.lock().unwrap();
        let here = world.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(here.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.0.lock().unwrap();
        world.operate()?;
        let inode = world.inodes.len();
        world.inodes.push(Inode::default());
        world.names.insert(path.to_owned(), inode);
        Ok(Arc::new(Handle { world: self.0.clone(), inode }))
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Arc<dyn DiskFile>> {
        let world = self.0.lock().unwrap();
        let inode = *world.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(Handle { world: self.0.clone(), inode }))
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.operate()?;
        world.durable_names = world.names.clone();
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        let world = self.0.lock().unwrap();
        match world.capacity {
            Some(capacity) if world.tells_free => Ok(capacity.saturating_sub(world.used()) as u64),
            _ => Ok(u64::MAX),
        }
    }

    fn salt(&self) -> io::Result<u64> {
        Ok(0x5a17)
    }
}

impl DiskFile for Handle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.world.lock().unwrap().inodes[self.inode].now.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let world = self.world.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let bytes = world.inodes[self.inode].now.get(start..start.saturating_add(buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let mut result = world.operate();
        let mut taken = if result.is_ok() { bytes.len() } else { bytes.len() / 2 };
        let length = world.inodes[self.inode].now.len();
        let grown = (offset + taken).saturating_sub(length);
        if let Some(capacity) = world.capacity {
            let room = capacity.saturating_sub(world.used());
            if grown > room {
                taken -= grown - room;
                result = Err(ErrorKind::StorageFull.into());
            }
        }
        let inode = &mut world.inodes[self.inode];
        let op = Op::Write(offset, bytes[..taken].to_vec());
        apply(&mut inode.now, &op, |_| true);
        inode.pending.push(op);
        result
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        world.operate()?;
        let inode = &mut world.inodes[self.inode];
        let op = Op::Cut(usize::try_from(length).unwrap());
        apply(&mut inode.now, &op, |_| true);
        inode.pending.push(op);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        world.syncs += 1;
        if let Err(error) = world.operate() {
            // As Linux does it: the pages count as clean afterwards, though they never reached the disk.
            world.inodes[self.inode].pending.clear();
            return Err(error);
        }
        let inode = &mut world.inodes[self.inode];
        inode.pending.clear();
        inode.durable = inode.now.clone();
        Ok(())
    }
}
