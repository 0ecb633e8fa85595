// SPDX-License-Identifier: GPL-2.0-only
//! What fuzzing asks of each format, asked of the seeds alone: those that it starts from, and every input that
//! it has broken a format with. Fuzzing itself is `ci/fuzz`.

use std::fs;
use std::path::Path;

use xtask::formats;

#[path = "../fuzz/src/targets.rs"]
mod targets;

#[track_caller]
fn replay(name: &str, target: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let seeds: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "{} has no seeds", dir.display());
    for seed in seeds {
        println!("{}", seed.display());
        target(&fs::read(seed).unwrap());
    }
}

macro_rules! replay {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), targets::$name);
        })*

        #[test]
        fn every_target_has_seeds_and_every_seed_a_target() {
            let names = |dir: &str| {
                let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(dir);
                let stem = |e: fs::DirEntry| e.path().file_stem().unwrap().to_str().unwrap().to_owned();
                let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(|e| stem(e.unwrap())).collect();
                names.sort();
                names
            };
            let here = [$(stringify!($name)),*];
            assert_eq!(names("fuzz_targets"), here);
            assert_eq!(names("seeds"), here);
        }
    };
}

replay!(annotations buildlog changelog config control deb distcc elf grub kernel rules_mk symvers tag vars version);
