/*
 * The container's command over the life of its container, which is longer than the command's.
 *
 *   HELD ──start──►┐                    ┌──────── ends by itself ────────┐
 *   WAITING ───────┴──► RUNNING ──stop──┴─► STOPPING ──► CLEARING ──► ENDED ──start, or one that waited──► RUNNING
 *     (for a hub to bring a container up to date that was restarted)
 *
 * As in supervise.h: the end of the command is the end of its tree, and every wake-up looks at everything anew.
 */
#ifndef ALCOVE_APPLICATION_H
#define ALCOVE_APPLICATION_H

#include "choice.h"
#include "processes.h"
#include "watch.h"

#include <stdbool.h>
#include <stdint.h>

enum { APPLICATION_WAITERS = 32 };

enum application_phase { PHASE_WAITING, PHASE_HELD, PHASE_RUNNING, PHASE_STOPPING, PHASE_CLEARING, PHASE_ENDED };

/* Who asked for something and is to be told when it is done. */
struct application_waiter {
    uint32_t serial; /* of the connection; 0: nobody any more */
    uint32_t request;
};

/* What is said, and to whom; calls come with its self. */
struct application_listener {
    void *self;
    void (*started)(void *self, pid_t process);
    void (*ended)(void *self, int code);
    void (*done)(void *self, struct application_waiter waiter, int64_t value);
    void (*failed)(void *self, struct application_waiter waiter, const char *reason);
    /* Not said but asked: which processes run beside the command, and are none of its. */
    const pid_t *(*beside)(void *self, size_t *count);
};

struct application {
    struct application_listener listener;
    enum application_phase phase;
    int64_t now;
    int64_t deadline; /* of WAITING, STOPPING and CLEARING */
    pid_t command;    /* and its group; stays after its end until the next start; 0 before */
    bool command_alive;
    bool has_terminal;
    bool leaving;        /* SIGTERM came: after the end, nothing more */
    int64_t asked_until; /* by a signal that asks for an end, which comes before this */
    int code;            /* of the last end: a code, or a signal's number, negative */
    char **names;        /* of processes that are to end with the command */
    struct choice choice;
    bool start_waits; /* what the override says now, as soon as what ran is gone */
    struct application_waiter starter;
    struct application_waiter stoppers[APPLICATION_WAITERS];
    size_t stopper_count;
    struct processes processes; /* as seen last */
};

/* Reads what was left for it, and waits, holds, or starts the command. */
void application_begin(struct application *application, bool was_changed);

/* Says when to wake up. */
void application_watch(const struct application *application, struct watch *watch);

/* Looks at everything anew. */
void application_serve(struct application *application);

/* Takes over the names. False when too many wait for that already. */
bool application_stop(struct application *application, char **names, int64_t grace_ms,
                      struct application_waiter waiter);

/* Takes over the lists, and remembers them for this container's next lives; an empty one is the original. */
void application_start(struct application *application, struct choice_command command,
                       struct application_waiter waiter);

/* The container is up to date: what waited for that goes on. */
void application_go_on(struct application *application);

/* A child has ended. */
void application_note_end(struct application *application, pid_t process, int status);

void application_take_signal(struct application *application, int number);

/* Whether SIGTERM has been answered, and with which exit code. */
bool application_is_over(const struct application *application, int *code);

void application_end(struct application *application);

/* As the protocol tells it. */
int application_state(const struct application *application);

#endif
