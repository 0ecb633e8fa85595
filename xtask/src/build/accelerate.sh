#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs inside a chroot of the host architecture while it is made: puts programs of the build architecture in
# the place of the ones that a build spends its time in. They run at full speed, and make what the others
# would have made. A compiler for the build architecture comes with them, for what the build makes to run itself.
#
#   accelerate.sh in BUILD-ARCHITECTURE BUILD-TRIPLET HOST-TRIPLET COMPILER PACKAGE...
#   accelerate.sh done BUILD-ARCHITECTURE
#
# COMPILER is gcc, or one that is not the suite's own, such as gcc-13.
#
# The first call comes before the build dependencies are installed, so that this is quicker too; the second
# one after them takes away what stands in front of nothing.
#
# Two packages with the same files cannot both be installed, so the programs are unpacked below a prefix and
# each is put in front by a diversion: dpkg knows of it, and upgrades and file lists stay right. The shared
# libraries that they need are ordinary packages.
set -eu
what=$1 build=$2
prefix=/usr/lib/native-$build

if [ "$what" = done ]; then
	dpkg-divert --list '*.emulated' | sed -n 's/^local diversion of \(.*\) to .*/\1/p' | while read -r at; do
		[ ! -e "$at.emulated" ] || continue
		rm "$at"
		dpkg-divert --quiet --local --no-rename --remove "$at"
	done
	echo "I: accelerated: $(dpkg-divert --list '*.emulated' | wc -l) programs"
	exit 0
fi

own=$3 triplet=$4 pinned=$5
shift 5
debs=/native-debs

# Can the suite's package of that name be had?
has() { apt-get download --print-uris "$1:$build" >/dev/null 2>&1; }

# The compiler that `gcc` is here, in the other architecture's make: /usr/bin/aarch64-linux-gnu-gcc-12.
gcc=$(readlink -f /usr/bin/gcc)
version=${gcc##*-}
package=$(echo "$triplet" | tr _ -)
set -- "$@" "gcc-$version-$package" "cpp-$version-$package" "binutils-$package"
compilers=$gcc places="gcc-cross/$triplet/$version gcc/$own/$version"

# And one that is not the suite's own, which is not installed yet.
case $pinned in gcc | "gcc-$version") ;; *)
	apt-get --yes --no-install-recommends install "$pinned"
	set -- "$@" "$pinned-$package" "cpp-${pinned##*-}-$package"
	compilers="$compilers /usr/bin/$triplet-$pinned" places="$places gcc-cross/$triplet/${pinned##*-}"
	;;
esac

# And one that makes programs of the build architecture itself, in the same version. What a suite calls the package
# that has it depends on the suite.
package=$(echo "$own" | tr _ -)
for name in gcc cpp; do
	if has "$name-$version-$package"; then
		set -- "$@" "$name-$version-$package"
	else
		set -- "$@" "$name-$version"
	fi
done
set -- "$@" "binutils-$package"

# What makes BTF, by the name of now or by that of before; a suite without it has kernels without.
for name in pahole dwarves; do
	if has "$name"; then
		set -- "$@" "$name"
		break
	fi
done

mkdir -p "$prefix" "$debs"
cd "$debs"
wanted=
for name; do wanted="$wanted $name:$build"; done
# shellcheck disable=SC2086 # words
apt-get --quiet download $wanted
for deb in *.deb; do dpkg-deb --extract "$deb" "$prefix"; done

# Libraries alone: what else these packages depend on is here already, in the chroot's architecture.
depends=$(for deb in *.deb; do dpkg-deb --field "$deb" Pre-Depends Depends; done |
	sed -e 's/^[A-Za-z-]*: //' | tr , '\n' | sed -e 's/|.*//' -e 's/^ *//' -e 's/ *$//' |
	grep -E '^(lib|zlib)' | grep -v -e '-cross' | sort -u |
	sed -e "s/^\([^ :]*\)[^ ]*/\1:$build/" | paste -sd,)
apt-get --yes --no-install-recommends satisfy "$depends, libc6-dev:$build"
cd /
rm -rf "$debs"
# The libraries that come in the programs' own packages, where the loader looks for them.
for library in "$prefix"/usr/lib/*-linux-gnu*/*.so*; do
	to=${library#"$prefix"}
	[ -e "$to" ] || ln -s "$library" "$to"
done

# And perl's modules; those of libperl are where they belong. What others have compiled for perl is of the chroot's
# architecture, and perl does without, as it does where they are not installed.
for modules in "$prefix"/usr/lib/*-linux-gnu*/perl-base; do
	to=${modules#"$prefix"}
	[ -e "$to" ] || ln -s "$modules" "$to"
done

# A cross compiler has its headers and start files in packages of their own; the native one's are the same.
for compiler in $places; do
	mkdir -p "$prefix/usr/lib/$compiler"
	for file in "/usr/lib/gcc/${compiler#*/}"/*; do
		to=$prefix/usr/lib/$compiler/${file##*/}
		[ -e "$to" ] || ln -sf "$file" "$to"
	done
done

# The build architecture's compiler takes the `as` and `ld` that it finds, which are the chroot's.
mkdir "$prefix/own"
for program in as ld; do ln -s "../usr/bin/$own-$program" "$prefix/own/$program"; done
printf '#!/bin/sh\nexec %s -B%s "$@"\n' "$prefix/usr/bin/$own-gcc-$version" "$prefix/own" >"/usr/bin/$own-gcc"
chmod 755 "/usr/bin/$own-gcc"
for program in ld ar; do ln -s "$prefix/usr/bin/$own-$program" /usr/bin; done

# While a program is being exchanged it is not there.
PATH=$prefix/usr/bin:$prefix/bin:$PATH
for program in "$prefix"/bin/* "$prefix"/sbin/* "$prefix"/usr/bin/* "$prefix"/usr/sbin/*; do
	at=${program#"$prefix"}
	case ${at##*/} in
	# What tells the architecture has to tell the chroot's; dpkg's other programs have a database with it.
	uname | arch | dpkg | dpkg-divert | dpkg-query | dpkg-split | dpkg-statoverride | dpkg-trigger) continue ;;
	"$own"-*) continue ;;
	esac
	[ -f "$program" ] && [ ! -L "$program" ] && [ ! -L "$at" ] || continue
	# Scripts are the same in every architecture.
	[ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
	dpkg-divert --quiet --local --rename --divert "$at.emulated" --add "$at"
	ln -s "$program" "$at"
done

# They have to make programs that run here, in every step from preprocessor to linker.
for compiler in $compilers "$own-gcc"; do
	printf '#include <stdio.h>\nint main(void) { return puts("I: compiled") < 0; }\n' | "$compiler" -x c -o /tmp/trial -
	/tmp/trial
	rm /tmp/trial
done
# Another version would answer Kconfig's questions otherwise.
for question in -dumpfullversion -dumpmachine; do
	for compiler in $compilers; do
		here=$("$compiler" $question) there=$("$compiler.emulated" $question)
		[ "$here" = "$there" ] || {
			echo "E: $compiler $question: $build's says $here, the chroot's own $there" >&2
			exit 1
		}
	done
done
