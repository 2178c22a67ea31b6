//! How fast this disk makes small writes durable: what every figure below hangs on.

use std::{
    fs::File,
    io::{Seek, Write},
    time::{Duration, Instant},
};

const FILE_SIZE_BYTES: u64 = 16 * 1024 * 1024;

/// Writes of 8 KiB, one after another, each synced, for one second. The file has its full size before, as a segment of
/// the server's log has.
pub(crate) fn synced_writes_per_s() -> f64 {
    let path = std::env::temp_dir().join(format!("wharf-bench-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    file.write_all(&vec![0; FILE_SIZE_BYTES as usize]).unwrap();
    file.sync_all().unwrap();
    let (began, mut writes) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(1) {
        if u64::from(writes) * 8192 % FILE_SIZE_BYTES == 0 {
            file.rewind().unwrap();
        }
        file.write_all(&[7; 8192]).unwrap();
        file.sync_data().unwrap();
        writes += 1;
    }
    let rate = f64::from(writes) / began.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}
