/* embed.c - write files into one C file, so that the binary carries them.
 * SPDX-License-Identifier: MIT
 *
 * embed OUT TABLE DIR FILE...: each FILE is a path below DIR; see lua/embed.h
 * for what is written.  Runs while building, so it shares no code with Atlas
 * and leaves freeing to its end.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module {
    char *name;       /* "atlas.task" */
    const char *path; /* "atlas/task.lua" */
};

static void
die(const char *what, const char *path)
{
    fprintf(stderr, "embed: %s: %s\n", path, what);
    exit(1);
}

/* The name by which `require` knows `path`: a/b.lua, a/b/init.lua -> a.b;
 * that of a page: a.md -> a */
static char *
module_name(const char *path)
{
    char *name = strdup(path);
    char *end;

    if (name == NULL)
        die(strerror(errno), path);
    end = strrchr(name, '.');
    if (end == NULL || (strcmp(end, ".lua") != 0 && strcmp(end, ".md") != 0))
        die("neither a .lua nor a .md file", path);
    *end = '\0';
    if ((end = strrchr(name, '/')) != NULL && strcmp(end, "/init") == 0)
        *end = '\0';
    for (end = name; *end != '\0'; end++)
        if (*end == '/')
            *end = '.';
    return name;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct module *)a)->name,
                  ((const struct module *)b)->name);
}

/* One byte of a string literal; a `?` could be part of a trigraph. */
static void
write_byte(FILE *out, int c)
{
    if (c == '\n')
        fputs("\\n\"\n\"", out);
    else if (c == '"' || c == '\\' || c == '?')
        fprintf(out, "\\%c", c);
    else if (c < 0x80 && isprint(c))
        fputc(c, out);
    else
        fprintf(out, "\\%03o", (unsigned)c);
}

static void
write_module(FILE *out, const char *dir, const struct module *m)
{
    size_t room = strlen(dir) + strlen(m->path) + 2;
    size_t size = 0;
    char *path = malloc(room);
    FILE *in;
    int c;

    if (path == NULL)
        die(strerror(errno), m->path);
    snprintf(path, room, "%s/%s", dir, m->path);
    if ((in = fopen(path, "rb")) == NULL)
        die(strerror(errno), path);
    fprintf(out, "{\"%s\", \"%s\",\n\"", m->name, m->path);
    while ((c = getc(in)) != EOF) {
        write_byte(out, c);
        size++;
    }
    if (ferror(in))
        die("can't be read", path);
    fprintf(out, "\", %zu},\n", size);
    fclose(in);
    free(path);
}

int
main(int argc, char **argv)
{
    size_t count = argc < 4 ? 0 : (size_t)argc - 4;
    struct module *modules = calloc(count + 1, sizeof(*modules));
    FILE *out;

    if (argc < 4 || modules == NULL)
        die("usage: embed OUT TABLE DIR FILE...", argv[0]);
    for (size_t i = 0; i < count; i++) {
        modules[i].path = argv[i + 4];
        modules[i].name = module_name(argv[i + 4]);
    }
    qsort(modules, count, sizeof(*modules), by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&modules[i - 1], &modules[i]) == 0)
            die("a second file for this module", modules[i].path);
    if ((out = fopen(argv[1], "wb")) == NULL)
        die(strerror(errno), argv[1]);
    fprintf(out,
            "/* Written by tools/embed.c: edit the files in %s. */\n"
            "#include \"lua/embed.h\"\n\n"
            "const struct atl_embedded %s[] = {\n",
            argv[3], argv[2]);
    for (size_t i = 0; i < count; i++)
        write_module(out, argv[3], &modules[i]);
    fputs("{0, 0, 0, 0},\n};\n", out);
    if (fclose(out) != 0)
        die(strerror(errno), argv[1]);
    return 0;
}
