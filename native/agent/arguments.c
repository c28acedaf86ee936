#include "arguments.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static bool parse_restart(const char *text, enum supervise_restart *restart)
{
    static const char *const names[] = {
        [RESTART_NEVER] = "never", [RESTART_ON_FAILURE] = "on-failure", [RESTART_ALWAYS] = "always"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        if (strcmp(text, names[at]) == 0) {
            *restart = (enum supervise_restart)at;
            return true;
        }
    return false;
}

/* Digits only, up to a day. strtol would take " +1" and, unasked, read errno and the locale. */
static bool parse_ms(const char *text, int64_t *value)
{
    int64_t total = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        total = total * 10 + (*text - '0');
        if (total > DAY_MS)
            return false;
    }
    *value = total;
    return true;
}

static struct arguments_fault parse_option(const char *name, const char *value, struct supervise_settings *settings)
{
    int64_t *number = NULL;
    if (strcmp(name, "--backoff-initial-ms") == 0)
        number = &settings->backoff_initial_ms;
    else if (strcmp(name, "--backoff-max-ms") == 0)
        number = &settings->backoff_max_ms;
    else if (strcmp(name, "--grace-ms") == 0)
        number = &settings->grace_ms;
    else if (strcmp(name, "--restart") != 0)
        return (struct arguments_fault){"unknown option", name};

    if (value == NULL)
        return (struct arguments_fault){"a value is missing after", name};
    if (number == NULL && !parse_restart(value, &settings->restart))
        return (struct arguments_fault){"--restart takes always, on-failure or never, not", value};
    if (number != NULL && !parse_ms(value, number))
        return (struct arguments_fault){"not a number of milliseconds, up to a day:", value};
    return (struct arguments_fault){NULL, NULL};
}

static struct arguments_fault check(const struct supervise_settings *settings)
{
    if (settings->command[0] == NULL)
        return (struct arguments_fault){"a command is missing after", "--"};
    if (settings->backoff_initial_ms < 1)
        return (struct arguments_fault){"must be at least 1:", "--backoff-initial-ms"};
    if (settings->backoff_max_ms < settings->backoff_initial_ms)
        return (struct arguments_fault){"must be at least --backoff-initial-ms:", "--backoff-max-ms"};
    return (struct arguments_fault){NULL, NULL};
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static struct arguments refuse(const char *message, const char *subject)
{
    return (struct arguments){.fault = {message, subject}};
}

static struct arguments parse_supervise(char *const words[])
{
    struct arguments arguments = {
        .wish = ARGUMENTS_SUPERVISE,
        .supervise = {.backoff_initial_ms = 100, .backoff_max_ms = 10000, .grace_ms = 10000},
    };
    for (; *words != NULL && strcmp(*words, "--") != 0; words += 2) {
        if (is_help(*words))
            return (struct arguments){.wish = ARGUMENTS_HELP};
        arguments.fault = parse_option(words[0], words[1], &arguments.supervise);
        if (arguments.fault.message != NULL)
            return arguments;
    }
    if (*words == NULL)
        return refuse("a command is missing: it comes after", "--");
    arguments.supervise.command = words + 1;
    arguments.fault = check(&arguments.supervise);
    return arguments;
}

struct arguments arguments_parse(char *const argv[])
{
    /* argv may be entirely empty: execve(2) allows it. */
    if (argv[0] == NULL || argv[1] == NULL)
        return refuse("what to do is missing:", "supervise");
    if (is_help(argv[1]))
        return (struct arguments){.wish = ARGUMENTS_HELP};
    if (strcmp(argv[1], "supervise") != 0)
        return refuse("not something to do:", argv[1]);
    return parse_supervise(argv + 2);
}
