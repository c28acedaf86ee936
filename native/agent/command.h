/* Starting a program. */
#ifndef ALCOVE_COMMAND_H
#define ALCOVE_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

/* Exit codes for a command that did not start, as shells and container runtimes have them. */
enum { COMMAND_FAULT = 125, COMMAND_NOT_EXECUTABLE = 126, COMMAND_NOT_FOUND = 127 };

struct command {
    pid_t process; /* also the number of its process group; 0 when it did not start */
    int code;      /* why, when it did not: one of the codes above. The reason has been logged. */
};

struct command_settings {
    char *const *argv;        /* ends with a null pointer; at least one element */
    char *const *environment; /* null: ours */
    const char *workdir;      /* null or empty: ours */
    const int *streams;       /* what its standard ones are; null: ours */
    bool has_terminal;
};

/*
 * Starts argv[0], looked up in its PATH unless it has a slash, as the leader of a process group of its own,
 * with clean signals and, if has_terminal, as the terminal's foreground. Returns when the kernel has
 * executed it or refused to. A reason why not goes to its own standard error.
 */
struct command command_start(const struct command_settings *settings);

#endif
