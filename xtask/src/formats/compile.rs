// SPDX-License-Identifier: GPL-2.0-only
//! Command lines of a C compiler that a kernel build sends away: `gcc … -c -o main.o init/main.c`, of a source that
//! has been preprocessed.
//!
//! A compiler runs other programs (`-wrapper`, `-B`, `-specs=`, `-fplugin=`, `-fmodule-mapper=|…`), reads its arguments
//! from files (`@file`), and writes more files than one (`-save-temps`, `-fdump-…`, `-Wa,-a=…`). So what it may be given
//! is a list: what Linux 5.4 to 6.12 and Debian's build flags pass on arm64, x86, arm, riscv and powerpc. What is not in
//! it is refused, which costs a client the time to compile by itself. `build/farm` asks before distccd does.

use super::FormatError;

/// Arguments without a value.
const PLAIN: &[&str] = &[
    "-EB",
    "-EL",
    "-nostdinc",
    "-pg",
    "-pipe",
    "-v",
    "-w",
    "-O",
    "-O0",
    "-O1",
    "-O2",
    "-O3",
    "-Ofast",
    "-Og",
    "-Os",
    "-Oz",
    "-g",
    "-g0",
    "-g1",
    "-g2",
    "-g3",
    "-gz",
];
/// Families whose every member changes code, warnings or debug information alone. A value has letters, digits and the
/// signs of [`value`]: no path.
const FAMILIES: &[&str] =
    &["-std=", "-gdwarf", "-ggdb", "-gz=", "-gno-", "-gas-", "-gcolumn-", "-gstatement-", "-gstrict-", "-grecord-"];
/// `-fNAME`, `-fno-NAME`, `-fNAME=VALUE`; a name that ends in `-` stands for all that begin so.
const CODE: &[&str] = &[
    "aggressive-loop-optimizations",
    "align-functions",
    "align-jumps",
    "align-labels",
    "align-loops",
    "allow-store-data-races",
    "asan-shadow-offset",
    "asynchronous-unwind-tables",
    "builtin",
    "builtin-",
    "call-saved-",
    "call-used-",
    "caller-saves",
    "cf-protection",
    "code-hoisting",
    "common",
    "conserve-stack",
    "crossjumping",
    "data-sections",
    "delete-null-pointer-checks",
    "diagnostics-color",
    "diagnostics-show-context",
    "diagnostics-show-option",
    "direct-access-external-data",
    "dwarf2-cfi-asm",
    "early-inlining",
    "exceptions",
    "expensive-optimizations",
    "fixed-",
    "freestanding",
    "function-sections",
    "gcse",
    "gnu89-inline",
    "guess-branch-probability",
    "hosted",
    "if-conversion",
    "if-conversion2",
    "inline",
    "inline-functions",
    "inline-functions-called-once",
    "inline-small-functions",
    "ipa-",
    "isolate-erroneous-paths-dereference",
    "ivopts",
    "jump-tables",
    "keep-static-consts",
    "math-errno",
    "merge-all-constants",
    "merge-constants",
    "min-function-alignment",
    "ms-extensions",
    "omit-frame-pointer",
    "optimize-sibling-calls",
    "partial-inlining",
    "patchable-function-entry",
    "PIC",
    "PIE",
    "pic",
    "pie",
    "plt",
    "record-gcc-switches",
    "reg-struct-return",
    "rename-registers",
    "reorder-blocks",
    "reorder-blocks-and-partition",
    "reorder-functions",
    "sanitize",
    "sanitize-address-use-after-scope",
    "sanitize-coverage",
    "sanitize-recover",
    "sanitize-undefined-trap-on-error",
    "sched-pressure",
    "schedule-insns",
    "schedule-insns2",
    "section-anchors",
    "semantic-interposition",
    "short-enums",
    "short-wchar",
    "shrink-wrap",
    "signed-char",
    "stack-check",
    "stack-clash-protection",
    "stack-protector",
    "stack-protector-all",
    "stack-protector-strong",
    "stack-reuse",
    "store-merging",
    "strict-aliasing",
    "strict-flex-arrays",
    "strict-overflow",
    "tls-model",
    "toplevel-reorder",
    "trampolines",
    "trapping-math",
    "tree-",
    "trivial-auto-var-init",
    "unit-at-a-time",
    "unroll-loops",
    "unsigned-char",
    "unswitch-loops",
    "unwind-tables",
    "var-tracking",
    "var-tracking-assignments",
    "verbose-asm",
    "visibility",
    "wrapv",
    "zero-call-used-regs",
    "zero-initialized-in-bss",
];
/// `-fNAME=OLD=NEW`, which change paths in what comes out and open none.
const PREFIX_MAPS: &[&str] = &["debug-prefix-map", "file-prefix-map", "macro-prefix-map"];
/// What the assembler may be told by `-Wa,`, beside `-m…`.
const ASSEMBLER: &[&str] = &["--fatal-warnings", "--no-warn", "--noexecstack", "-W", "-fatal-warnings"];

/// Checks that a command compiles one source with `compiler` and does nothing else.
///
/// # Errors
/// The first word that is not in the list, or what is missing.
pub fn check(command: &[String], compiler: &str) -> Result<(), FormatError> {
    let refuse = |word: &str, why: &str| Err(FormatError::new(word, why));
    let mut words = command.iter().map(String::as_str);
    match words.next() {
        Some(program) if program == compiler => {}
        other => return refuse(other.unwrap_or_default(), "not the compiler that is served"),
    }
    let (mut stages, mut outputs, mut sources) = (0, 0, 0);
    while let Some(word) = words.next() {
        match word {
            "-c" | "-S" => stages += 1,
            "-o" => match words.next() {
                Some(to) if is_file(to) && (to.ends_with(".s") || !is_source(to)) => outputs += 1,
                to => return refuse(to.unwrap_or_default(), "not the name of an object"),
            },
            "--param" => match words.next() {
                Some(parameter) if is_parameter(parameter) => {}
                other => return refuse(other.unwrap_or_default(), "not a parameter"),
            },
            _ if word.starts_with('-') && is_known(word) => {}
            _ if !word.starts_with('-') && is_file(word) && is_source(word) => sources += 1,
            _ => return refuse(word, "not an argument that kernel builds pass"),
        }
    }
    match (stages, outputs, sources) {
        (1, 1, 1) => Ok(()),
        _ => refuse("", "not the compilation of one source to one object"),
    }
}

fn is_known(word: &str) -> bool {
    let family = |family: &str| word.strip_prefix(family).is_some_and(value);
    if PLAIN.contains(&word) || FAMILIES.iter().any(|f| family(f)) {
        return true;
    }
    if let Some(words) = word.strip_prefix("-Wa,") {
        let debug = |word: &str| ["--compress-debug-sections", "-gdwarf-"].iter().any(|p| word.starts_with(p));
        return words.split(',').all(|w| ASSEMBLER.contains(&w) || is_machine(w) || debug(w) && value(&w[1..]));
    }
    if let Some(parameter) = word.strip_prefix("--param=") {
        return is_parameter(parameter);
    }
    is_machine(word) || is_warning(word) || word.strip_prefix("-f").is_some_and(is_code)
}

/// `-m…`: the target's own.
fn is_machine(word: &str) -> bool {
    word.strip_prefix("-m").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && value(rest))
}

/// `-W…`, and neither `-Wp,` nor `-Wl,`.
fn is_warning(word: &str) -> bool {
    word.strip_prefix("-W").is_some_and(|rest| !rest.is_empty() && value(rest) && !rest.contains(','))
}

fn is_code(option: &str) -> bool {
    let (name, of) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    if PREFIX_MAPS.contains(&name) {
        return of.is_some_and(|of| of.chars().all(path));
    }
    let named = |name: &str| CODE.iter().any(|c| if c.ends_with('-') { name.starts_with(c) } else { *c == name });
    (named(name) || name.strip_prefix("no-").is_some_and(named)) && value(name) && of.is_none_or(value)
}

fn is_parameter(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, number)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// Letters, digits and signs that name no path, no pipe and no file of arguments.
fn value(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,:+=".contains(c))
}

fn path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.,:+=/~%@".contains(c)
}

fn is_file(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || "./_".contains(c)) && word.chars().all(path)
}

fn is_source(word: &str) -> bool {
    [".c", ".S", ".s", ".i"].iter().any(|suffix| word.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCC: &str = "aarch64-linux-gnu-gcc";

    fn asked(line: &str) -> Result<(), FormatError> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        check(&words, GCC)
    }

    /// As `make V=1` shows them, without what distcc takes away: `-D`, `-I`, `-include`, `-isystem`, `-Wp,`.
    #[test]
    fn what_kernel_builds_pass() {
        let table = [
            // 5.4, arm64
            "-mlittle-endian -Wall -Wundef -Werror=strict-prototypes -Wno-trigraphs -fno-strict-aliasing -fno-common \
             -fshort-wchar -fno-PIE -Werror=implicit-function-declaration -Werror=implicit-int -Wno-format-security \
             -std=gnu89 -mgeneral-regs-only -fno-asynchronous-unwind-tables -mabi=lp64 -fno-delete-null-pointer-checks \
             -Wno-frame-address -Wno-format-truncation -Wno-format-overflow -Wno-address-of-packed-member -O2 \
             -fno-allow-store-data-races --param=allow-store-data-races=0 -Wframe-larger-than=2048 \
             -fstack-protector-strong -Wno-unused-but-set-variable -Wimplicit-fallthrough -fno-omit-frame-pointer \
             -fno-optimize-sibling-calls -fno-var-tracking-assignments -g -pg -Wdeclaration-after-statement -Wvla \
             -Wno-pointer-sign -fno-stack-check -fconserve-stack -Werror=designated-init -fmacro-prefix-map=./= \
             -fcf-protection=none -ffixed-x18 -fcall-used-x0 -c -o init/main.o init/main.c",
            // 6.8, arm64
            "-fmacro-prefix-map=/build/fork/= -std=gnu11 -fshort-wchar -funsigned-char -fno-common -fno-PIE \
             -mgeneral-regs-only -mbranch-protection=pac-ret -Wa,-march=armv8.5-a -mstack-protector-guard=sysreg \
             -mstack-protector-guard-reg=sp_el0 -mstack-protector-guard-offset=1688 -fstack-clash-protection \
             -fpatchable-function-entry=4,2 -fmin-function-alignment=8 -fzero-call-used-regs=used-gpr \
             -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3 -fno-stack-clash-protection -fsanitize=bounds \
             -fsanitize=kernel-hwaddress --param hwasan-instrument-stack=1 -gdwarf-5 -Wa,-gdwarf-5 \
             -Wa,--compress-debug-sections=zlib -gz=zlib -Wno-stringop-overflow -Wno-array-bounds -falign-functions=8 \
             -Wenum-conversion -Wframe-larger-than=1024 -c -o drivers/a-b/x_1.o /build/fork/drivers/a-b/x_1.c",
            // 6.1, x86
            "-m64 -mno-sse -mno-mmx -mno-sse2 -mno-3dnow -mno-avx -fcf-protection=branch -fno-jump-tables -falign-jumps=1 \
             -falign-loops=1 -mno-80387 -mno-fp-ret-in-387 -mpreferred-stack-boundary=3 -mskip-rax-setup -mtune=generic \
             -mno-red-zone -mcmodel=kernel -mindirect-branch=thunk-extern -mindirect-branch-register \
             -mindirect-branch-cs-prefix -mfunction-return=thunk-extern -mharden-sls=all -mrecord-mcount -mfentry \
             -fno-inline-functions-called-once -fsanitize-coverage=trace-pc -fasan-shadow-offset=0xdffffc0000000000 \
             --param asan-globals=1 -fno-allow-store-data-races -fstack-check=no -Wa,-mx86-used-note=no -O2 -c -o a.o a.c",
            // 5.15, armhf
            "-mlittle-endian -fno-dwarf2-cfi-asm -mabi=aapcs-linux -mfpu=vfp -funwind-tables -marm -Wa,-mno-warn-deprecated \
             -march=armv7-a -msoft-float -mtp=cp15 -Wa,-mimplicit-it=always -fno-ipa-sra -Os -c -o a.o a.S",
            // 6.6, riscv64
            "-mabi=lp64 -march=rv64imac_zicsr_zifencei -mno-save-restore -mcmodel=medany -fno-asynchronous-unwind-tables \
             -fno-unwind-tables -mno-riscv-attribute -Wa,-mno-relax -mstrict-align -Wa,-misa-spec=2.2 -S -o a.s a.c",
            // Debian's flags, ccache's, and the question which compiler it is.
            "-ffile-prefix-map=/build/fork/linux-6.1=. -Wformat -Werror=format-security -mbranch-protection=standard \
             -mno-omit-leaf-frame-pointer -fdiagnostics-color -Wno-c++-compat -c a.c -o a.o",
            "-v -c probe.c -o probe.o",
        ];
        for line in table {
            assert_eq!(asked(&format!("{GCC} {line}")), Ok(()));
        }
    }

    #[test]
    fn what_starts_a_program_or_touches_another_file() {
        let table = [
            "-wrapper /bin/sh,-c,id",
            "-B/tmp",
            "-B /tmp",
            "-specs=/tmp/s",
            "--specs=/tmp/s",
            "--specs /tmp/s",
            "-fplugin=/tmp/p.so",
            "-fplugin=p",
            "-fplugin-arg-p-x=1",
            "-fno-plugin",
            "-iplugindir=/tmp",
            "-fmodule-mapper=|id",
            "-fmodule-mapper=x",
            "@/tmp/args",
            "-Wa,@/tmp/args",
            "-Wa,-a=/etc/x",
            "-Wa,-march=x,-o,/tmp/x",
            "-Wa,--MD,x",
            "-Wa,-I/etc",
            "-Wa,",
            "-Wl,-o,x",
            "-Wp,-MD,/tmp/x",
            "-Xassembler -a=x",
            "-Xlinker x",
            "-Xpreprocessor x",
            "-x c++",
            "-xada",
            "-o /tmp/x",
            "-o/tmp/x",
            "--output=x",
            "-save-temps",
            "-save-temps=obj",
            "-dumpdir /tmp/",
            "-fdump-tree-all=/tmp/x",
            "-fdump-rtl-all",
            "-fstack-usage",
            "-fcallgraph-info",
            "-fprofile-use=/tmp/x",
            "-fprofile-arcs",
            "-ftest-coverage",
            "-fauto-profile=x",
            "-fopt-info-all=x",
            "-fdiagnostics-format=json-file",
            "-fuse-ld=x",
            "-flto=jobserver",
            "-gsplit-dwarf",
            "-MD",
            "-MF /tmp/x",
            "-E",
            "-I/etc",
            "-include /etc/passwd",
            "-imacros /etc/passwd",
            "-isystem /etc",
            "--sysroot=/tmp",
            "-no-canonical-prefixes",
            "-time=/tmp/x",
            "-print-prog-name=x",
            "--help",
            "-###",
            "b.c",
            "-c",
            "/etc/passwd",
            "--param x=/etc/passwd",
            "--param a.c",
            "-march=/etc/x",
            "-mabi=@x",
            "-",
            "--",
            "",
        ];
        for more in table {
            for line in [format!("{GCC} {more} -c a.c -o a.o"), format!("{GCC} -c a.c -o a.o {more}")] {
                let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                assert!(check(&words, GCC).is_err(), "{line}");
            }
        }
        for whole in ["", GCC, "sh -c a.c -o a.o", "gcc -c a.c -o a.o"] {
            assert!(asked(whole).is_err(), "{whole}");
        }
        for part in ["-c a.c", "-c -o a.o", "a.c -o a.o", "-c a.c -o", "-c a.c -o a.c", "-c a.c -o -o"] {
            assert!(asked(&format!("{GCC} {part}")).is_err(), "{part}");
        }
        assert!(asked("/usr/bin/aarch64-linux-gnu-gcc -c a.c -o a.o").is_err());
    }
}
