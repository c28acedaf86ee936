/*
 * Which processes are the container's command's, as /proc shows them: what descends from it, and what descends
 * from orphans that became ours. A command that was run beside it, with what it left behind (a build's daemon,
 * say), is not.
 */
#ifndef ALCOVE_PROCESSES_H
#define ALCOVE_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* In the environment of what runs beside the command, to tell its orphans. */
#define PROCESSES_MARK "ALCOVE_BESIDE"

enum { PROCESSES_MOST = 4096 };

struct processes_wanted {
    pid_t command; /* 0: none */
    const pid_t *beside;
    size_t beside_count;
    char *const *names; /* these too, wherever they descend from; ends with a null pointer; null: none */
};

struct processes {
    bool known; /* false without a /proc of our pid namespace */
    size_t count;
    pid_t found[PROCESSES_MOST];
};

/* Zombies are left out, and so are we. */
void processes_find(const struct processes_wanted *wanted, struct processes *processes);

/* To each; whoever has ended meanwhile is not told. */
void processes_signal(const struct processes *processes, int number);

#endif
