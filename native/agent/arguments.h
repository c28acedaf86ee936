/* The command line. Pure, but that it may cut argv in two. */
#ifndef ALCOVE_ARGUMENTS_H
#define ALCOVE_ARGUMENTS_H

#include "exchange.h"
#include "redirect.h"
#include "session.h"
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
    "  --grace-ms N                       time between SIGTERM and SIGKILL (10000)\n"                     \
    "\n"                                                                                                  \
    "In containers of Alcove:\n"                                                                          \
    "\n"                                                                                                  \
    "       alcove-agent init [OPTION VALUE]... -- COMMAND [ARGUMENT]...\n"                               \
    "       alcove-agent proxy [OPTION VALUE]... -- COMMAND [ARGUMENT]... [-- CARRIER [ARGUMENT]...]\n"   \
    "\n"                                                                                                  \
    "COMMAND is an Envoy. init fetches the files once, ends it, and redirects the pod's TCP; proxy keeps it\n" \
    "running, and the files fresh. CARRIER is one that runs in its place while the files are too old for it.\n" \
    "\n"                                                                                                  \
    "  --token FILE                       who the pod is\n"                                               \
    "  --identity DIRECTORY               where the files are put\n"                                      \
    "  --socket PATH                      where the Envoy listens, to carry what is asked\n"              \
    "  --fetch URLPATH=FILE               what to ask for, and its file; up to 8 times\n"                 \
    "  --redirect OUT:IN                  init only: the proxy's ports; the next three go with it\n"      \
    "  --uid N                            the proxy's user, who is not redirected\n"                      \
    "  --pod-address A --host-address A   must differ, or the redirection would be the node's\n"          \
    "  --direct PORT                      a port that is not redirected to IN; up to 64 times\n"          \
    "\n"                                                                                                  \
    "       alcove-agent await-proxy --admin PATH [--seconds N]\n"                                        \
    "\n"                                                                                                  \
    "Waits until the Envoy with this admin socket is ready; fails after N seconds (60).\n"               \
    "\n"                                                                                                  \
    "       alcove-agent drain --admin PATH [--seconds N]\n"                                             \
    "\n"                                                                                                  \
    "Has the Envoy with this admin socket send its callers elsewhere: every answer ends its connection, and\n" \
    "it is not ready any more. Then waits N seconds (0), or until that Envoy is gone.\n"                 \
    "\n"                                                                                                  \
    "In containers of sessions:\n"                                                                        \
    "\n"                                                                                                  \
    "       alcove-agent await-build --port N --session ID --directory PATH\n"                            \
    "       alcove-agent run --port N --session ID --directory PATH --container NAME [OPTION]... -- [WORD]...\n" \
    "\n"                                                                                                  \
    "Both listen for hubs at this port of the loopback. await-build ends when the image is there; run keeps\n" \
    "the container's files and command as hubs say. WORDs are the command, but for:\n"                    \
    "\n"                                                                                                  \
    "  --image-entrypoint                 the image's ENTRYPOINT comes before them\n"                     \
    "  --image-cmd                        the image's CMD takes their place\n"                            \
    "  --grace-ms N                       time between SIGTERM and SIGKILL when the container ends (an hour)\n"

struct arguments_fault {
    const char *message; /* null when there is none */
    const char *subject; /* what it is about: an element of argv, or a constant */
};

enum arguments_wish {
    ARGUMENTS_SUPERVISE,
    ARGUMENTS_INIT,
    ARGUMENTS_PROXY,
    ARGUMENTS_AWAIT_PROXY,
    ARGUMENTS_DRAIN,
    ARGUMENTS_RUN,
    ARGUMENTS_AWAIT_BUILD,
    ARGUMENTS_HELP,
};

/* What belongs to another wish means nothing. All points into argv. */
struct arguments {
    enum arguments_wish wish;
    char *const *command; /* of init and proxy */
    char *const *carrier; /* of proxy; null when there is none */
    struct supervise_settings supervise;
    struct exchange_settings exchange;
    struct redirect_settings redirect;
    const char *admin; /* of await-proxy and drain */
    int64_t seconds;   /* of these too */
    struct session_settings session; /* of run and await-build */
    struct arguments_fault fault; /* the rest means nothing when there is one */
};

/* Ends the first of two commands with a null pointer, in the place of the word between them. */
struct arguments arguments_parse(char *argv[]);

#endif
