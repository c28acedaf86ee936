/*
 * Commands that hubs have run beside the container's. A hub whose connection ends does not see their end: they are
 * asked to end too, and killed when they do not. Output that its hub does not read holds a command up.
 */
#ifndef ALCOVE_BESIDE_H
#define ALCOVE_BESIDE_H

#include "server.h"

#include <sys/types.h>

enum { BESIDE_MOST = 16 };

struct beside_command {
    uint32_t serial; /* of the connection that is told; 0: nobody */
    uint32_t request;
    pid_t process; /* and its group; 0: this place is free */
    bool ended;
    int code; /* of the end: a code, or a signal's number, negative */
    bool copies;
    int64_t kill_at; /* when nobody is told */
    int input;       /* -1: closed, as are these */
    int outputs[2];
    struct bytes pending; /* input */
    bool input_ends;      /* behind what is pending */
    size_t watched_input;
    size_t watched_outputs[2];
};

struct beside {
    struct server *server;
    struct beside_command commands[BESIDE_MOST];
    pid_t processes[BESIDE_MOST];
};

struct beside_wanted {
    char *const *argv;
    char *const *environment; /* added to ours */
    const char *workdir;
    bool has_input;
    bool copies; /* its output into the container's log */
};

/* Tells the connection that it started, or why not. */
void beside_start(struct beside *beside, struct connection *connection, uint32_t request,
                  const struct beside_wanted *wanted);

/* For the command of that request; when there is none, it has ended. */
void beside_input(struct beside *beside, const struct connection *connection, uint32_t request,
                  const unsigned char *content, size_t length);
void beside_end_input(struct beside *beside, const struct connection *connection, uint32_t request);
void beside_signal(struct beside *beside, const struct connection *connection, uint32_t request, int number);

/* Whether more input for commands of this connection should wait. */
bool beside_is_busy(const struct beside *beside, const struct connection *connection);

/* The connection ends. */
void beside_lose(struct beside *beside, const struct connection *connection, int64_t now);

/* A child has ended. */
void beside_note_end(struct beside *beside, pid_t process, int status);

void beside_watch(struct beside *beside, struct watch *watch);
void beside_serve(struct beside *beside, const struct watch *watch);

/* Which run. */
const pid_t *beside_processes(struct beside *beside, size_t *count);

void beside_kill(struct beside *beside);

#endif
