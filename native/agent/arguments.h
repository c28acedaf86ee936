/* The command line. Pure: reads argv, writes nothing. */
#ifndef ALCOVE_ARGUMENTS_H
#define ALCOVE_ARGUMENTS_H

#include "supervise.h"

#define ARGUMENTS_USAGE                                                                                   \
    "usage: alcove-agent supervise [OPTION VALUE]... -- COMMAND [ARGUMENT]...\n"                          \
    "\n"                                                                                                  \
    "Runs COMMAND and everything below it: passes signals on, reaps, restarts, and leaves nothing behind.\n" \
    "Exits as COMMAND did, with 128 + N if signal N ended it.\n"                                          \
    "\n"                                                                                                  \
    "  --restart always|on-failure|never  what to do when it ends (never)\n"                              \
    "  --backoff-initial-ms N             delay before the second restart, doubled each time (100);\n"    \
    "                                     the first is immediate\n"                                       \
    "  --backoff-max-ms N                 longest delay; forgotten after a run that long (10000)\n"       \
    "  --grace-ms N                       time between SIGTERM and SIGKILL (10000)\n"

struct arguments_fault {
    const char *message; /* null when there is none */
    const char *subject; /* what it is about: an element of argv, or a constant */
};

enum arguments_wish { ARGUMENTS_SUPERVISE, ARGUMENTS_HELP };

struct arguments {
    enum arguments_wish wish;
    struct supervise_settings supervise; /* points into argv */
    struct arguments_fault fault;        /* the rest means nothing when there is one */
};

struct arguments arguments_parse(char *const argv[]);

#endif
