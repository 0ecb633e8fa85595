// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a program and all that it starts: counts the changes that are made below a directory, and at
 * one of them kills the program, and the child that is making the change unless that is to live on.
 *
 * KILL_BELOW  the directory
 * KILL_AT     which change (0: none)
 * KILL_COUNT  a file that keeps count
 * KILL_ALONE  set: the child lives on
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static struct { long count, program; } *shared;
static const char *below;
static long at;

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("KILL_COUNT");
	int fd;

	below = getenv("KILL_BELOW");
	if (!file || !below || !getenv("KILL_AT"))
		return;
	at = atol(getenv("KILL_AT"));
	fd = syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*shared)))
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (shared == MAP_FAILED)
		shared = NULL;
	else
		__sync_bool_compare_and_swap(&shared->program, 0, (long)getpid());
}

/* Is this the change? */
static int hit(int dir, const char *path)
{
	char whole[2 * PATH_MAX], link[64];
	size_t length = shared ? strlen(below) : 0;
	ssize_t used = 0;

	if (!shared || !path)
		return 0;
	if (path[0] != '/') {
		if (dir == AT_FDCWD)
			strcpy(link, "/proc/self/cwd");
		else
			snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
		used = readlink(link, whole, PATH_MAX);
		if (used < 0)
			return 0;
		whole[used++] = '/';
	}
	snprintf(whole + used, sizeof(whole) - used, "%s", path);
	if (strncmp(whole, below, length) || whole[length] != '/')
		return 0;
	return __sync_add_and_fetch(&shared->count, 1) == at;
}

static void end(void)
{
	kill(shared->program, SIGKILL);
	if (!getenv("KILL_ALONE"))
		raise(SIGKILL);
}

static void before(int dir, const char *path)
{
	if (hit(dir, path))
		end();
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list more; \
		mode_t mode; \
		va_start(more, flags); \
		mode = va_arg(more, mode_t); \
		va_end(more); \
		if (flags & (O_CREAT | O_TRUNC)) \
			before(AT_FDCWD, path); \
		return REAL(name)(path, flags, mode); \
	}
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list more; \
		mode_t mode; \
		va_start(more, flags); \
		mode = va_arg(more, mode_t); \
		va_end(more); \
		if (flags & (O_CREAT | O_TRUNC)) \
			before(dir, path); \
		return REAL(name)(dir, path, flags, mode); \
	}
OPENAT(openat)
OPENAT(openat64)

#define CHANGE(name, place, path, arguments, values) \
	int name arguments \
	{ \
		before(place, path); \
		return REAL(name) values; \
	}
CHANGE(rename, AT_FDCWD, to, (const char *from, const char *to), (from, to))
CHANGE(renameat, todir, to, (int fromdir, const char *from, int todir, const char *to), (fromdir, from, todir, to))
CHANGE(link, AT_FDCWD, to, (const char *from, const char *to), (from, to))
CHANGE(symlink, AT_FDCWD, path, (const char *to, const char *path), (to, path))
CHANGE(unlink, AT_FDCWD, path, (const char *path), (path))
CHANGE(unlinkat, dir, path, (int dir, const char *path, int flags), (dir, path, flags))
CHANGE(rmdir, AT_FDCWD, path, (const char *path), (path))
CHANGE(mkdir, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))

/* A file is cut off in the middle. */
ssize_t write(int fd, const void *bytes, size_t count)
{
	char link[64], path[PATH_MAX];
	ssize_t used = 0;

	if (shared) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		used = readlink(link, path, sizeof(path) - 1);
	}
	if (used > 0 && path[0] == '/') {
		path[used] = 0;
		if (hit(AT_FDCWD, path)) {
			if (!getenv("KILL_ALONE"))
				REAL(write)(fd, bytes, count / 2);
			end();
		}
	}
	return REAL(write)(fd, bytes, count);
}
