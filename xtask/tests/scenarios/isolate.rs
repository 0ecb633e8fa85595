// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask isolate`, on the machine itself; a recorded one is the unit tests' matter.

use crate::lab::Lab;

#[test]
fn parameters_for_this_and_another_machine() {
    let lab = Lab::without_cache();
    let said =
        lab.xtask(&["isolate", "--cpus", "47", "--present", "0-47", "--release", "5.4.0-200-tickless"]).ok().stdout;
    let line = "isolcpus=domain,47 nohz_full=47 rcu_nocbs=47 rcu_nocb_poll irqaffinity=0-46";
    assert_eq!(said.lines().next(), Some(line));
    assert!(said.contains(&format!("GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT {line}\"")), "{said}");
    let refused: &[(&[&str], i32, &str)] = &[
        (&["--cpus", "8000"], 3, "this machine has no CPU 8000"),
        (&["--cpus", "0-7", "--present", "0-7"], 3, "no CPU would be left"),
        (&["--cpus", "0", "--present", "0-7"], 3, "boots on"),
        (&["--cpus", "3-1"], 2, "no CPU list"),
        (&["--cpus", "1", "--present", "0-7", "--release", "linux"], 3, "no kernel release"),
    ];
    for (args, code, words) in refused {
        lab.xtask(&[&["isolate"], *args].concat()).fails(*code, &[words]);
    }
}

#[test]
fn the_machine_as_it_runs() {
    let lab = Lab::without_cache();
    let cpus = lab.text("/sys/devices/system/cpu/online");
    let last = cpus.trim().rsplit([',', '-']).next().unwrap();
    assert_ne!(last, "0", "a machine with one CPU has none to isolate");
    // Nobody has isolated it, and it is interrupted all the time.
    let before = lab.snapshot();
    let outcome = lab.xtask(&["isolate", "--cpus", last, "--check", "--seconds", "1"]).fails(1, &["disturb"]);
    for words in ["without nohz_full=", "without isolcpus=", "a second:"] {
        assert!(outcome.stdout.contains(words), "no {words} in\n{}", outcome.stdout);
    }
    let json = lab.xtask(&["isolate", "--cpus", last, "--check", "--seconds", "1", "--json"]).fails(1, &[]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["kind"], "parameter");
    let plot = lab.xtask(&["isolate", "--cpus", last, "--watch", "--seconds", "2"]).ok().stdout;
    assert_eq!(plot.lines().filter(|l| l.starts_with(&format!("CPU {last}"))).count(), 2, "{plot}");
    assert!(lab.snapshot() == before, "looking changed something");
}

#[test]
fn a_kernel_that_ignores_parameters_is_named() {
    let lab = Lab::without_cache();
    lab.write("root/sys/devices/system/cpu/online", "0-3\n");
    lab.write("root/proc/sys/kernel/osrelease", "5.4.0-200-generic\n");
    lab.write("root/boot/config-5.4.0-200-generic", "CONFIG_CPU_ISOLATION=y\nCONFIG_RCU_NOCB_CPU=y\n");
    lab.write(
        "root/boot/config-5.4.0-200-tickless",
        "CONFIG_CPU_ISOLATION=y\nCONFIG_RCU_NOCB_CPU=y\nCONFIG_NO_HZ_FULL=y\n",
    );
    let isolate = |more: &[&str]| lab.xtask(&[&["isolate", "--cpus", "3", "--root", "../root"], more].concat()).ok();
    let line = "isolcpus=domain,3 nohz_full=3 rcu_nocbs=3 rcu_nocb_poll irqaffinity=0-2\n";
    let said = isolate(&[]);
    assert!(!said.stderr.contains("shares a core"), "{}", said.stderr);
    lab.write("root/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3\n");
    assert!(isolate(&[]).stderr.contains("CPU 1 shares a core with one of 3"));
    let warned = "5.4.0-200-generic is built without CONFIG_NO_HZ_FULL and ignores `nohz_full=`";
    assert!(said.stdout.starts_with(line) && said.stderr.contains(warned), "{}{}", said.stdout, said.stderr);
    for more in [&["--release", "5.4.0-200-tickless"][..], &["--present", "0-3", "--release", "5.4.0-200-generic"]] {
        let said = isolate(more);
        assert!(said.stdout.starts_with(line) && !said.stderr.contains("without CONFIG_"), "{}", said.stderr);
    }
}
