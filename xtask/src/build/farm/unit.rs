// SPDX-License-Identifier: GPL-2.0-only
//! A permanent worker as systemd's: a socket unit that starts a service for each connection, which systemd confines
//! once more around the sandbox.
//!
//! bubblewrap makes namespaces and mounts `/proc` in them. So what hides parts of `/proc` (`ProtectProc=`,
//! `ProtectKernelTunables=`, `ProtectKernelLogs=`) cannot be had: the kernel lets nobody mount a whole `/proc` then.

use camino::Utf8Path;

use super::connection::LIFETIME;
use super::serve::Worker;

/// What both units are called.
pub const NAME: &str = "kernel-fork-worker";

/// The socket unit: where to listen, for whom, for how many at once.
pub fn socket(worker: &Worker) -> String {
    let at = if worker.allow.is_empty() { "127.0.0.1:" } else { "" };
    let allow: Vec<String> = worker.allow.iter().map(ToString::to_string).collect();
    format!(
        "[Unit]\nDescription=Port of a worker that compiles kernels for {arch}\n\n\
         [Socket]\nListenStream={at}{port}\nAccept=yes\nMaxConnections={jobs}\nNoDelay=yes\nKeepAlive=yes\n\
         IPAddressDeny=any\nIPAddressAllow=localhost {allow}\n\n\
         [Install]\nWantedBy=sockets.target\n",
        arch = worker.host.debian,
        port = worker.port,
        jobs = worker.jobs,
        allow = allow.join(" "),
    )
    .replace(" \n", "\n")
}

/// The service unit of one connection. `dir` has the chroot, and the program is in it.
pub fn service(worker: &Worker, dir: &Utf8Path) -> String {
    let quote = |word: &String| {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$"))
    };
    let command: Vec<String> = worker.connection(&dir.join("xtask"), dir).iter().map(quote).collect();
    format!(
        "[Unit]\nDescription=Compilation of a kernel for {arch}\nCollectMode=inactive-or-failed\n\n\
         [Service]\nExecStart={command}\nStandardInput=socket\nStandardOutput=null\nStandardError=journal\n\
         Environment=KERNEL_FORK_CACHE=/tmp\nRuntimeMaxSec={time}\nTasksMax=64\nMemoryMax=4G\n\
         DynamicUser=yes\nNoNewPrivileges=yes\nCapabilityBoundingSet=\nUMask=0077\n\
         PrivateNetwork=yes\nPrivateDevices=yes\nPrivateTmp=yes\nPrivateIPC=yes\n\
         ProtectSystem=strict\nProtectHome=tmpfs\nTemporaryFileSystem=/run /srv /mnt /media\nBindReadOnlyPaths={dir}\n\
         ProtectClock=yes\nProtectControlGroups=yes\nProtectHostname=yes\nProtectKernelModules=yes\n\
         RestrictAddressFamilies=AF_UNIX AF_NETLINK\nRestrictNamespaces=cgroup ipc net mnt pid user uts\n\
         RestrictRealtime=yes\nRestrictSUIDSGID=yes\nLockPersonality=yes\n\
         SystemCallArchitectures=native\nSystemCallFilter=@system-service @mount\nSystemCallErrorNumber=EPERM\n",
        arch = worker.host.debian,
        command = command.join(" "),
        time = LIFETIME.as_secs(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;

    #[test]
    fn units_name_who_may_ask_and_what_is_run() {
        let allow = ["192.168.1.0/24".parse().unwrap()];
        let worker = Worker { host: arch::find("arm64").unwrap(), port: 3632, jobs: 8, allow: &allow };
        let alone = Worker { allow: &[], ..worker };
        let text = socket(&worker);
        assert!(text.contains("\nListenStream=3632\n") && text.contains("\nIPAddressAllow=localhost 192.168.1.0/24\n"));
        assert!(text.contains("\nAccept=yes\n") && text.contains("\nMaxConnections=8\n"));
        let text = socket(&alone);
        assert!(text.contains("\nListenStream=127.0.0.1:3632\n") && text.contains("\nIPAddressAllow=localhost\n"));
        let text = service(&worker, "/var/cache/a 50%".into());
        let command = "\nExecStart=\"/var/cache/a 50%%/xtask\" \"farm\" \"connection\" \"--arch\" \"arm64\" \
                       \"--chroot\" \"/var/cache/a 50%%\" \"--allow\" \"192.168.1.0/24\"\n";
        assert!(text.contains(command), "{text}");
        for line in ["DynamicUser=yes", "PrivateNetwork=yes", "StandardInput=socket", "NoNewPrivileges=yes"] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}");
        }
    }
}
