// SPDX-License-Identifier: GPL-2.0-only
/*
 * modpost kernel OBJECT…           lists what the kernel exports
 * modpost modules SYMVERS OBJECT…  lists what modules export; for each module
 *                                  writes FILE.mod.c, and fails if it needs a
 *                                  symbol that neither SYMVERS nor a module has
 *
 * Lists are in the format of Module.symvers. Objects are ELF of this machine's
 * byte order, whatever their architecture.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "__ksymtab_"

struct export {
	char name[128], module[128];
	struct export *next;
};

static struct export *exports;
static int failed;

static void add_export(const char *name, const char *module)
{
	struct export *export = calloc(1, sizeof(*export));

	if (!export)
		exit(1);
	snprintf(export->name, sizeof(export->name), "%s", name);
	snprintf(export->module, sizeof(export->module), "%s", module);
	export->next = exports;
	exports = export;
}

static const struct export *find_export(const char *name)
{
	const struct export *export = exports;

	while (export && strcmp(export->name, name))
		export = export->next;
	return export;
}

static void *read_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	char *bytes;
	long size;

	if (!in) {
		perror(path);
		exit(1);
	}
	fseek(in, 0, SEEK_END);
	size = ftell(in);
	rewind(in);
	bytes = calloc(1, size + 1);
	if (!bytes || fread(bytes, 1, size, in) != (size_t)size)
		exit(1);
	fclose(in);
	return bytes;
}

typedef void each_symbol(const char *name, int defined, void *data);

#define SYMBOLS(bits) \
static void symbols_##bits(const char *bytes, each_symbol *each, void *data) \
{ \
	const Elf##bits##_Ehdr *file = (const void *)bytes; \
	const Elf##bits##_Shdr *sections = (const void *)(bytes + file->e_shoff); \
 \
	for (int i = 0; i < file->e_shnum; i++) { \
		const Elf##bits##_Sym *symbol = (const void *)(bytes + sections[i].sh_offset); \
		const char *names = bytes + sections[sections[i].sh_link].sh_offset; \
 \
		if (sections[i].sh_type != SHT_SYMTAB) \
			continue; \
		for (size_t n = sections[i].sh_size / sizeof(*symbol); n--; symbol++) \
			if (names[symbol->st_name]) \
				each(names + symbol->st_name, symbol->st_shndx != SHN_UNDEF, data); \
	} \
}

SYMBOLS(32)
SYMBOLS(64)

/* Calls `each` for every named symbol of an object. */
static void symbols(const char *path, each_symbol *each, void *data)
{
	char *bytes = read_file(path);

	if (memcmp(bytes, ELFMAG, SELFMAG)) {
		fprintf(stderr, "modpost: %s is no ELF file\n", path);
		exit(1);
	}
	(bytes[EI_CLASS] == ELFCLASS32 ? symbols_32 : symbols_64)(bytes, each, data);
	free(bytes);
}

/* a/b/c-d.o: the module is called a/b/c-d in lists. */
static void module_name(const char *path, char *name, size_t size)
{
	snprintf(name, size, "%s", path);
	name[strlen(name) - 2] = 0;
}

static void see_export(const char *name, int defined, void *module)
{
	if (defined && !strncmp(name, PREFIX, strlen(PREFIX)))
		add_export(name + strlen(PREFIX), module);
}

struct needs {
	const char *path;
	char depends[1024];
};

static void see_need(const char *name, int defined, void *data)
{
	struct needs *needs = data;
	const struct export *export;
	const char *module;

	if (defined)
		return;
	export = find_export(name);
	if (!export) {
		fprintf(stderr, "ERROR: modpost: \"%s\" [%s] undefined!\n", name, needs->path);
		failed = 1;
		return;
	}
	if (!strcmp(export->module, "vmlinux"))
		return;
	module = strrchr(export->module, '/');
	module = module ? module + 1 : export->module;
	if (strstr(needs->depends, module))
		return;
	if (needs->depends[0])
		strcat(needs->depends, ",");
	strncat(needs->depends, module, sizeof(needs->depends) - strlen(needs->depends) - 2);
}

static void see_init(const char *name, int defined, void *data)
{
	int *has = data;

	if (defined && !strcmp(name, "init_module"))
		has[0] = 1;
	if (defined && !strcmp(name, "cleanup_module"))
		has[1] = 1;
}

static void write_mod_c(const char *path)
{
	struct needs needs = { path, "" };
	char base[512], name[600];
	int has[2] = { 0, 0 };
	FILE *out;

	module_name(path, base, sizeof(base));
	symbols(path, see_need, &needs);
	symbols(path, see_init, has);
	snprintf(name, sizeof(name), "%s.mod.c", base);
	out = fopen(name, "w");
	if (!out) {
		perror(name);
		exit(1);
	}
	fprintf(out, "#include <linux/module.h>\n#include <linux/vermagic.h>\n\n");
	fprintf(out, "MODULE_INFO(\"vermagic\", VERMAGIC_STRING);\n");
	fprintf(out, "MODULE_INFO(\"name\", \"%s\");\n",
		strrchr(base, '/') ? strrchr(base, '/') + 1 : base);
	fprintf(out, "MODULE_INFO(\"depends\", \"%s\");\n\n", needs.depends);
	if (has[0])
		fprintf(out, "int init_module(void);\n");
	if (has[1])
		fprintf(out, "void cleanup_module(void);\n");
	fprintf(out, "struct module __this_module\n"
		"__attribute__((section(\".gnu.linkonce.this_module\"), used)) = {\n"
		"\t.name = \"%s\",\n", strrchr(base, '/') ? strrchr(base, '/') + 1 : base);
	if (has[0])
		fprintf(out, "\t.init = init_module,\n");
	if (has[1])
		fprintf(out, "\t.exit = cleanup_module,\n");
	fprintf(out, "};\n");
	fclose(out);
}

static void read_symvers(const char *path)
{
	char *list = read_file(path), *line, name[128], module[128];

	for (line = strtok(list, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%*s %127s %127s", name, module) == 2)
			add_export(name, module);
	free(list);
}

int main(int argc, char **argv)
{
	int modules = argc > 1 && !strcmp(argv[1], "modules"), first = modules ? 3 : 2;
	const struct export *known;
	char module[512];

	if (argc < first) {
		fprintf(stderr, "usage: modpost kernel OBJECT... | modules SYMVERS OBJECT...\n");
		return 1;
	}
	if (modules)
		read_symvers(argv[2]);
	known = exports;
	for (int i = first; i < argc; i++) {
		module_name(argv[i], module, sizeof(module));
		symbols(argv[i], see_export, modules ? module : "vmlinux");
	}
	if (modules)
		for (int i = first; i < argc; i++)
			write_mod_c(argv[i]);
	for (const struct export *export = exports; export != known; export = export->next)
		printf("0x00000000\t%s\t%s\tEXPORT_SYMBOL\t\n", export->name, export->module);
	return failed;
}
