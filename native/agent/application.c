#include "application.h"

#include "command.h"
#include "log.h"
#include "signals.h"
#include "terminal.h"
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    UP_TO_DATE_MS = 30000,
    RESTART_GRACE_MS = 2000,
    CLEARING_MS = 5000,
    LOOK_AGAIN_MS = 20,
    ASKED_MS = 10000,
};

static void tell_end(const struct application *self, int code)
{
    if (self->leaving)
        return;
    if (code < 0)
        log_tell("the command was ended by %s; it starts again at the next save", signals_name(-code));
    else
        log_tell("the command ended with exit code %d; it starts again at the next save", code);
}

static void start(struct application *self)
{
    struct command command = choice_start(&self->choice, self->has_terminal);
    self->asked_until = -1;
    self->command = command.process;
    self->command_alive = command.process != 0;
    self->phase = command.process != 0 ? PHASE_RUNNING : PHASE_ENDED;
    if (command.process != 0) {
        self->listener.started(self->listener.self, command.process);
        return;
    }
    self->code = command.code;
    tell_end(self, self->code);
    self->listener.ended(self->listener.self, self->code);
}

/* ------------------------------------------------------------ how it ends */

static void look(struct application *self)
{
    size_t count;
    const pid_t *beside = self->listener.beside(self->listener.self, &count);
    struct processes_wanted wanted = {self->command_alive ? self->command : 0, beside, count, self->names};
    processes_find(&wanted, &self->processes);
}

static bool is_gone(const struct application *self)
{
    if (self->processes.known)
        return !self->command_alive && self->processes.count == 0;
    return !self->command_alive && (self->command == 0 || !tree_has_group(self->command));
}

static void signal_all(const struct application *self, int number)
{
    if (self->processes.known)
        processes_signal(&self->processes, number);
    else if (number == SIGKILL && self->command != 0)
        tree_kill(self->command);
    else if (self->command != 0)
        (void)kill(-self->command, number);
}

static void clear(struct application *self)
{
    self->phase = PHASE_CLEARING;
    self->deadline = self->now + CLEARING_MS;
}

static void watch_stopping(struct application *self)
{
    /* What a command leaves behind has until its own end when only its container ends. */
    if (is_gone(self) || (self->leaving && !self->command_alive)) {
        clear(self);
    } else if (self->now >= self->deadline) {
        log_tell("%zu processes still run after SIGTERM and the time of grace: killing them",
                 self->processes.known ? self->processes.count : 1);
        clear(self);
    }
}

static void finish(struct application *self)
{
    if (self->command_alive) {
        self->command_alive = false; /* it hangs in the kernel; whatever comes of it is not ours any more */
        self->code = -SIGKILL;
    }
    self->phase = PHASE_ENDED;
    free(self->names);
    self->names = NULL;
    for (size_t at = 0; at < self->stopper_count; at++)
        self->listener.done(self->listener.self, self->stoppers[at], self->code);
    self->stopper_count = 0;
}

static void watch_clearing(struct application *self)
{
    if (is_gone(self)) {
        finish(self);
        return;
    }
    if (self->now < self->deadline) {
        signal_all(self, SIGKILL);
        return;
    }
    log_line("some processes cannot be killed: going on without them");
    finish(self);
}

static void answer_start(struct application *self)
{
    self->start_waits = false;
    start(self);
    self->listener.done(self->listener.self, self->starter, self->command_alive ? self->command : 0);
    self->starter = (struct application_waiter){.serial = 0};
}

static void watch_waiting(struct application *self)
{
    if (self->now < self->deadline)
        return;
    log_tell("nobody brought this container up to date: starting what the image holds");
    start(self);
}

static bool needs_look(const struct application *self)
{
    return self->phase == PHASE_STOPPING || self->phase == PHASE_CLEARING;
}

void application_serve(struct application *self)
{
    enum application_phase before;
    do {
        before = self->phase;
        if (needs_look(self))
            look(self);
        if (before == PHASE_RUNNING && !self->command_alive)
            clear(self);
        else if (before == PHASE_WAITING && !self->start_waits)
            watch_waiting(self);
        else if (before == PHASE_STOPPING)
            watch_stopping(self);
        else if (before == PHASE_CLEARING)
            watch_clearing(self);
        else if (before != PHASE_RUNNING && self->start_waits && !self->leaving)
            answer_start(self);
    } while (self->phase != before);
}

void application_watch(const struct application *self, struct watch *watch)
{
    if (self->phase == PHASE_WAITING || needs_look(self))
        watch_until(watch, self->deadline);
    /* Those that are awaited need not be our children: they end unannounced. */
    if (needs_look(self))
        watch_until(watch, watch->now + LOOK_AGAIN_MS);
}

/* ------------------------------------------------------------ what is asked for */

/* Everybody is told at once, and those that come to be ours later when the time of grace is over. */
static void begin_to_stop(struct application *self, int64_t grace_ms)
{
    look(self);
    signal_all(self, SIGTERM);
    self->phase = PHASE_STOPPING;
    self->deadline = self->now + grace_ms;
}

bool application_stop(struct application *self, char **names, int64_t grace_ms, struct application_waiter waiter)
{
    if (self->stopper_count == APPLICATION_WAITERS) {
        free(names);
        return false;
    }
    self->stoppers[self->stopper_count++] = waiter;
    free(self->names);
    self->names = names;
    if (self->start_waits)
        self->listener.failed(self->listener.self, self->starter, "it was stopped before it started");
    self->start_waits = false;
    if (self->phase != PHASE_CLEARING || names[0] != NULL)
        begin_to_stop(self, grace_ms);
    return true;
}

void application_start(struct application *self, struct choice_command command,
                       struct application_waiter waiter)
{
    choice_override(&self->choice, command);
    if (self->start_waits)
        self->listener.failed(self->listener.self, self->starter, "something else is started instead");
    self->start_waits = true;
    self->starter = waiter;
    if (self->phase == PHASE_RUNNING)
        begin_to_stop(self, RESTART_GRACE_MS);
}

void application_go_on(struct application *self)
{
    if (self->phase == PHASE_WAITING && !self->start_waits)
        start(self);
}

void application_note_end(struct application *self, pid_t process, int status)
{
    if (process != self->command || !self->command_alive)
        return;
    self->command_alive = false;
    self->code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    if (self->now <= self->asked_until)
        self->leaving = true;
    if (self->phase == PHASE_RUNNING)
        tell_end(self, self->code);
    self->listener.ended(self->listener.self, self->code);
}

static bool asks_for_end(int number)
{
    /* What images say that their commands are ended by, beside SIGTERM. */
    return number == SIGINT || number == SIGQUIT || number == SIGRTMIN + 3;
}

void application_take_signal(struct application *self, int number)
{
    if (!signals_are_forwarded(number))
        return;
    /* It may have joined the group of another. */
    if (self->command_alive && kill(-self->command, number) != 0 && kill(self->command, number) != 0)
        log_errno("cannot pass %s on to process %d", signals_name(number), self->command);
    if (number == SIGTERM || (asks_for_end(number) && !self->command_alive))
        self->leaving = true;
    else if (asks_for_end(number))
        self->asked_until = self->now + ASKED_MS;
    if (number == SIGTERM && self->phase == PHASE_RUNNING) {
        self->phase = PHASE_STOPPING;
        self->deadline = self->now + self->choice.settings->grace_ms;
    }
}

bool application_is_over(const struct application *self, int *code)
{
    bool idle = self->phase == PHASE_ENDED || self->phase == PHASE_HELD || self->phase == PHASE_WAITING;
    *code = self->code < 0 ? 128 - self->code : self->code;
    return self->leaving && idle;
}

int application_state(const struct application *self)
{
    switch (self->phase) {
    case PHASE_WAITING:
        return 0;
    case PHASE_RUNNING:
    case PHASE_STOPPING:
        return 1;
    case PHASE_HELD:
        return 3;
    default:
        return 2;
    }
}

void application_begin(struct application *self, bool was_changed)
{
    enum choice_found found = choice_load(&self->choice);
    self->has_terminal = terminal_is_of(getpgrp());
    self->asked_until = -1;
    if (found == CHOICE_HELD) {
        log_tell("waiting to be told what to run");
        self->phase = PHASE_HELD;
    } else if (was_changed) {
        log_tell("this container was restarted: waiting up to %d s for the changes that it had", UP_TO_DATE_MS / 1000);
        self->phase = PHASE_WAITING;
        self->deadline = self->now + UP_TO_DATE_MS;
    } else {
        start(self);
    }
}

void application_end(struct application *self)
{
    choice_free(&self->choice);
    free(self->names);
}
