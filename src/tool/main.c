/* SPDX-License-Identifier: MIT */

/*
 * spine inspect|verify|dump|list [OPTIONS] FILE|DIRECTORY...
 * spine export [OPTIONS] DIRECTORY CHECKPOINT TARGET
 */

#include "tool/tool.h"

#include "base/thread.h"
#include "spine/version.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nanoseconds between two lines of progress. */
#define PROGRESS_NS UINT64_C(200000000)

typedef enum spine_status command_fn(const struct tool_target *target,
                                     const struct tool_options *options,
                                     struct spine_error *error);

static const struct command {
    const char *name;
    /* For each argument; NULL: tool_export(), of three. */
    command_fn *run;
    /* Letters of the options that it takes, of those in `long_options`. */
    const char *takes;
} commands[] = {
    {"inspect", tool_inspect, "jc"}, {"verify", tool_verify, "j"},
    {"dump", tool_dump, "jftn"},     {"list", tool_list, "j"},
    {"export", NULL, "j"},
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},        {"columns", no_argument, NULL, 'c'},
    {"from", required_argument, NULL, 'f'},  {"to", required_argument, NULL, 't'},
    {"limit", required_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},     {0},
};

static const char usage_text[] =
    "usage: spine inspect [--json] [--columns] FILE|DIRECTORY...\n"
    "       spine verify [--json] FILE|DIRECTORY...\n"
    "       spine dump [--json] [--from KEY] [--to KEY] [--limit ROWS] FILE\n"
    "       spine list [--json] DIRECTORY...\n"
    "       spine export [--json] DIRECTORY CHECKPOINT TARGET\n"
    "       spine --help | --version\n"
    "\n"
    "Looks at batch files and checkpoints of the library spine and changes nothing but\n"
    "the target of an export. A file may be a batch file, a pack, PACK+OFFSET, or the\n"
    "manifest of a checkpoint.\n"
    "\n"
    "  inspect      schema, counts, level, blocks, codecs, bytes of columns; of a\n"
    "               directory the bytes of columns with --columns only, which reads all\n"
    "               blocks\n"
    "  verify       every checksum and every invariant, and whether checkpoints would "
    "be\n"
    "               restored\n"
    "  dump         rows as CSV, or with --json as JSON lines; keys from --from on and\n"
    "               before --to\n"
    "  list         the checkpoints that there are, and what is in them\n"
    "  export       copies a checkpoint, by number or 'newest', and what it needs to a\n"
    "               new directory\n"
    "\n"
    "Exit status: 0 all is well, 1 something is damaged or cannot be read, or there is\n"
    "nothing to verify, 2 usage.\n";

static enum tool_exit run_all(int count, char **arguments);
static const struct command *find_command(const char *name);
static enum tool_exit parse_options(const struct command *command, int count,
                                    char **arguments, struct tool_options *options);
static bool parse_limit(const char *source, uint64_t *out);
static enum tool_exit run_command(const struct command *command,
                                  const struct tool_options *options, char **arguments);
static enum tool_exit usage_error(const char *format, const char *what);

/* Is there a line of progress on the terminal? */
static bool progress_shown;

int
main(int count, char **arguments)
{
    return (int)run_all(count, arguments);
}

/* Runs the command on each file; the worst of what came of them. */
static enum tool_exit
run_all(int count, char **arguments)
{
    struct tool_options options = {.limit = UINT64_MAX};
    const struct command *command;
    enum tool_exit worst = TOOL_OK;

    if (count < 2)
        return usage_error("%s", "a command is missing");
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0) {
        (void)fputs(usage_text, stdout);
        return TOOL_OK;
    }
    if (strcmp(arguments[1], "--version") == 0 || strcmp(arguments[1], "-V") == 0) {
        (void)printf("spine %s\n", spine_version());
        return TOOL_OK;
    }
    command = find_command(arguments[1]);
    if (command == NULL)
        return usage_error("there is no command '%s'", arguments[1]);
    /* The command stands where getopt expects the program's name. */
    if (parse_options(command, count - 1, arguments + 1, &options) != TOOL_OK)
        return TOOL_USAGE;
    if (optind >= count - 1)
        return usage_error("%s: no file is named", command->name);
    if (command->run == NULL && count - 1 - optind != 3)
        return usage_error("%s: a directory, a checkpoint and a target are wanted",
                           command->name);
    for (int i = optind; i < count - 1; i += command->run != NULL ? 1 : 3) {
        const enum tool_exit one = run_command(command, &options, arguments + 1 + i);

        worst = one > worst ? one : worst;
    }
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "spine: the output could not be written: %s\n",
                      strerror(errno));
        return TOOL_FAILED;
    }
    return worst;
}

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static enum tool_exit
parse_options(const struct command *command, int count, char **arguments,
              struct tool_options *options)
{
    int letter;

    opterr = 0;
    while ((letter = getopt_long(count, arguments, "", long_options, NULL)) != -1) {
        if (letter == 'h') {
            (void)fputs(usage_text, stdout);
            exit(TOOL_OK);
        }
        if (letter == '?' || strchr(command->takes, letter) == NULL)
            return usage_error("it takes no '%s', or that lacks its argument",
                               arguments[optind - 1]);
        if (letter == 'j')
            options->json = true;
        else if (letter == 'c')
            options->columns = true;
        else if (letter == 'f')
            options->from = optarg;
        else if (letter == 't')
            options->to = optarg;
        else if (letter == 'n' && !parse_limit(optarg, &options->limit))
            return usage_error("'%s' is no number of rows", optarg);
    }
    return TOOL_OK;
}

static bool
parse_limit(const char *source, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(source, &end, 10);
    return errno == 0 && end != source && *end == '\0' && strchr(source, '-') == NULL &&
           !text_has_blank(source);
}

static enum tool_exit
run_command(const struct command *command, const struct tool_options *options,
            char **arguments)
{
    struct tool_target target;
    struct spine_error error;
    enum spine_status st;

    st = target_open(&target, arguments[0], &error);
    if (st == SPINE_OK)
        st = command->run != NULL
                 ? command->run(&target, options, &error)
                 : tool_export(&target, arguments[1], arguments[2], options, &error);
    target_close(&target);
    if (st == SPINE_OK)
        return TOOL_OK;
    /* What was printed so far comes first. */
    (void)fflush(stdout);
    complain(arguments[0], &error);
    return TOOL_FAILED;
}

static enum tool_exit
usage_error(const char *format, const char *what)
{
    (void)fputs("spine: ", stderr);
    (void)fprintf(stderr, format, what);
    (void)fputs("\ntry: spine --help\n", stderr);
    return TOOL_USAGE;
}

void
complain(const char *path, const struct spine_error *error)
{
    (void)fprintf(stderr, "spine: %s: %s: %s\n", path, spine_status_name(error->status),
                  error->message);
}

void
progress_show(const char *name, const char *what, uint64_t done, uint64_t all)
{
    static uint64_t next_ns;
    static int is_terminal = -1;
    uint64_t now;

    if (is_terminal < 0)
        is_terminal = isatty(STDERR_FILENO);
    if (is_terminal == 0)
        return;
    now = clock_now_ns();
    if (now < next_ns)
        return;
    next_ns = now + PROGRESS_NS;
    progress_shown = true;
    (void)fprintf(stderr, "\r%s: %s %3.0f %%", name, what,
                  all > 0 ? 100.0 * (double)done / (double)all : 100.0);
}

void
progress_end(void)
{
    if (progress_shown)
        (void)fputs("\r\033[K", stderr);
    progress_shown = false;
}
