// SPDX-License-Identifier: GPL-2.0-only
/*
 * fixdep DEPFILE OBJECT: reads the dependency file that the compiler wrote, and
 * writes it so that a file which is gone later does not stop make. It runs after
 * every compilation: a host program of the wrong architecture is noticed at once.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	char word[4096];
	FILE *in;

	if (argc != 3 || !(in = fopen(argv[1], "r"))) {
		fprintf(stderr, "usage: fixdep DEPFILE OBJECT\n");
		return 1;
	}
	while (fscanf(in, "%4095s", word) == 1) {
		if (strchr(word, ':') || !strcmp(word, "\\"))
			continue;
		printf("%s: %s\n%s:\n", argv[2], word, word);
	}
	return 0;
}
