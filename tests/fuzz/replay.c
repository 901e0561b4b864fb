/* replay.c - runs a fuzz target over its corpus, without libFuzzer.
 * SPDX-License-Identifier: MIT
 *
 * Usage: TARGET DIRECTORY...
 * Each file in the directories is one input; a target that finds a fault
 * aborts, and the file's name stands on stderr.
 */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <signal.h>

static char path[4096]; /* the present input */

/* There only when a sanitizer is linked in, which then ends without abort. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*fn)(void));

static void
on_death(void)
{
    fprintf(stderr, "input: %s\n", path);
}

static void
on_abort(int signum)
{
    on_death();
    signal(signum, SIG_DFL);
}

static char *
read_file(size_t *size_out)
{
    FILE *f = fopen(path, "rb");
    char *data;
    long size;

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        perror(path);
        exit(1);
    }
    rewind(f);
    /* Exactly as large as the file, so that a read behind it is noticed. */
    data = malloc((size_t)size);
    if (fread(data, 1, (size_t)size, f) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    *size_out = (size_t)size;
    return data;
}

static int
replay_directory(const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, NULL, alphasort);
    int i, count = 0;

    if (n < 0) {
        perror(directory);
        exit(1);
    }
    for (i = 0; i < n; i++) {
        char *data;
        size_t size;

        if (entries[i]->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", directory,
                     entries[i]->d_name);
            data = read_file(&size);
            LLVMFuzzerTestOneInput((const uint8_t *)data, size);
            free(data);
            count++;
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int
main(int argc, char **argv)
{
    int i, count = 0;

    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(on_death);
    signal(SIGABRT, on_abort);
    for (i = 1; i < argc; i++)
        count += replay_directory(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
