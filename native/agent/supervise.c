#include "supervise.h"

#include "backoff.h"
#include "clock.h"
#include "command.h"
#include "descriptors.h"
#include "log.h"
#include "signals.h"
#include "terminal.h"
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum phase { RUNNING, STOPPING, CLEARING, WAITING, DONE };

enum {
    /* Killed processes end at once, but for one that waits for a device or a network file system. */
    CLEARING_MS = 5000,
    /* Processes that are awaited may not be our children (yet): those end, or become ours, unannounced. */
    LOOK_AGAIN_MS = 20,
    COMPANION_BACKOFF_MS = 1000,
    COMPANION_BACKOFF_MAX_MS = 60000,
};

struct supervisor {
    const struct supervise_settings *settings;
    struct backoff backoff;
    enum phase phase;
    int64_t deadline;    /* of the phase, unless RUNNING */
    int64_t now;         /* milliseconds, on a clock that nobody sets */
    int64_t started_at;
    int64_t restart_at;  /* if wants_restart */
    int64_t asked_until; /* SIGINT or SIGQUIT asked for an end that comes before this */
    int64_t companion_at; /* when to start it; while there is none, and RUNNING */
    pid_t companion;      /* 0 when there is none */
    struct backoff companion_backoff;
    pid_t command;       /* the process, and its group; stays after its end until the next start; 0 before */
    int code;            /* to exit with, should nothing be started any more */
    bool command_alive;  /* not reaped yet, so that its number is still its own */
    bool children_left;  /* at the last reaping */
    bool has_terminal;   /* ours to give to the command */
    bool stop_asked;     /* no restart any more */
    bool wants_restart;
    bool companion_is_done;
};

static void enter(struct supervisor *self, enum phase phase, int64_t deadline)
{
    self->phase = phase;
    self->deadline = deadline;
}

/* Gives the delay before the restart of a command that has ended, or could not start; -1: no restart. */
static int64_t decide_restart(struct supervisor *self)
{
    enum supervise_restart restart = self->settings->restart;
    self->wants_restart =
        !self->stop_asked && (restart == RESTART_ALWAYS || (restart == RESTART_ON_FAILURE && self->code != 0));
    return self->wants_restart ? backoff_delay(&self->backoff, self->now - self->started_at) : -1;
}

static void log_end(const struct supervisor *self, int status, int64_t delay)
{
    char next[64] = "";
    const char *name = self->settings->command[0];
    int64_t ran = self->now - self->started_at;
    if (delay == 0)
        (void)snprintf(next, sizeof next, "; restarting it now");
    else if (delay > 0)
        (void)snprintf(next, sizeof next, "; restarting it in %" PRId64 " ms", delay);
    if (WIFSIGNALED(status))
        log_line("%s (process %d) was ended by %s after %" PRId64 " ms%s", name, self->command,
                 signals_name(WTERMSIG(status)), ran, next);
    else
        log_line("%s (process %d) ended with code %d after %" PRId64 " ms%s", name, self->command, self->code, ran,
                 next);
}

static void note_end(struct supervisor *self, int status)
{
    self->command_alive = false;
    self->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    self->stop_asked |= self->now <= self->asked_until;
    int64_t delay = decide_restart(self);
    self->restart_at = self->now + delay;
    if (self->wants_restart || (self->code != 0 && !self->stop_asked))
        log_end(self, status, delay);
}

/* False when the command did not start. */
static bool start(struct supervisor *self)
{
    struct command_settings settings = {.argv = self->settings->command, .has_terminal = self->has_terminal};
    struct command command = command_start(&settings);
    self->now = self->started_at = self->companion_at = clock_monotonic_ms();
    self->companion = 0; /* the last one's companion is gone, or cannot be killed */
    self->asked_until = -1;
    if (command.process != 0) {
        self->command = command.process;
        self->command_alive = true;
        enter(self, RUNNING, 0);
        return true;
    }
    self->code = command.code;
    return false;
}

static void start_again(struct supervisor *self)
{
    if (start(self))
        return;
    /* It worked before: its file may be being replaced. */
    int64_t delay = decide_restart(self);
    self->restart_at = self->now + delay;
    log_line("trying again in %" PRId64 " ms", delay);
    enter(self, WAITING, self->restart_at);
}

static void pass_on(const struct supervisor *self, int number)
{
    if (!self->command_alive || kill(-self->command, number) == 0)
        return;
    /* It may have joined the group of another. */
    if (errno == ESRCH && kill(self->command, number) == 0)
        return;
    log_errno("cannot pass %s on to process %d", signals_name(number), self->command);
}

static void take_signal(struct supervisor *self, int number)
{
    if (!signals_are_forwarded(number))
        return;
    pass_on(self, number);
    if (number != SIGTERM && number != SIGINT && number != SIGQUIT)
        return;
    if (self->phase != RUNNING) {
        self->stop_asked = true;
        self->wants_restart = false;
    } else if (number == SIGTERM) {
        self->stop_asked = true;
        enter(self, STOPPING, self->now + self->settings->grace_ms);
    } else {
        self->asked_until = self->now + self->settings->grace_ms;
    }
}

static bool wants_companion(const struct supervisor *self)
{
    return self->phase == RUNNING && self->companion == 0 && self->settings->companion.run != NULL;
}

static void retry_companion(struct supervisor *self)
{
    self->companion_at = self->now + backoff_delay(&self->companion_backoff, self->now - self->companion_at);
}

static void note_end_of_companion(struct supervisor *self, int status)
{
    self->companion = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        self->companion_is_done = !self->stop_asked;
        take_signal(self, SIGTERM);
    } else if (self->command_alive && self->phase == RUNNING) {
        retry_companion(self);
        log_line("our process beside %s ended unexpectedly (%s %d); starting it again in %" PRId64 " ms",
                 self->settings->command[0], WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), self->companion_at - self->now);
    }
}

static void reap(struct supervisor *self)
{
    struct tree_reaped reaped = tree_reap(self->command, self->companion);
    self->children_left = reaped.children_left;
    /* First, or the command would be restarted although all is done. */
    if (reaped.companion_ended)
        note_end_of_companion(self, reaped.companion_status);
    if (reaped.command_ended)
        note_end(self, reaped.status);
}

/* Takes a signal that came from outside: who asks for the end then means all of it. */
static void hear(struct supervisor *self, int number)
{
    take_signal(self, number);
    if (self->stop_asked && (number == SIGTERM || number == SIGINT || number == SIGQUIT))
        self->companion_is_done = false;
}

static void watch_running(struct supervisor *self)
{
    if (!wants_companion(self) || self->now < self->companion_at)
        return;
    self->companion = companion_start(&self->settings->companion);
    if (self->companion == 0)
        retry_companion(self);
    else
        self->companion_at = self->now;
}

static void clear(struct supervisor *self)
{
    enter(self, CLEARING, self->now + CLEARING_MS);
}

static void watch_stopping(struct supervisor *self)
{
    if (self->command_alive || tree_has_group(self->command)) {
        if (self->now < self->deadline)
            return;
        const char *who = self->command_alive ? "" : "processes that ";
        const char *what = self->command_alive ? "still runs" : "started still run";
        log_line("%s%s %s %" PRId64 " ms after SIGTERM: killing all", who, self->settings->command[0], what,
                 self->settings->grace_ms);
        pass_on(self, SIGKILL);
    }
    clear(self);
}

static void watch_clearing(struct supervisor *self)
{
    if (self->children_left && self->now < self->deadline) {
        if (self->companion != 0)
            (void)kill(self->companion, SIGKILL); /* it is not reaped yet, so that is its number */
        tree_kill(self->command);
        return;
    }
    if (self->children_left)
        log_line("some processes of %s cannot be killed: going on without them", self->settings->command[0]);
    if (self->command_alive)
        self->code = 128 + SIGKILL;
    enter(self, WAITING, self->restart_at);
}

static void watch_waiting(struct supervisor *self)
{
    if (!self->wants_restart)
        enter(self, DONE, 0);
    else if (self->now >= self->deadline)
        start_again(self);
}

/* Looks at the state as it is now, until it has no consequence any more. */
static void settle(struct supervisor *self)
{
    enum phase before;
    do {
        before = self->phase;
        if (before == RUNNING && !self->command_alive)
            clear(self);
        else if (before == RUNNING)
            watch_running(self);
        else if (before == STOPPING)
            watch_stopping(self);
        else if (before == CLEARING)
            watch_clearing(self);
        else if (before == WAITING)
            watch_waiting(self);
    } while (self->phase != before);
}

/* For poll(2). */
static int wake_in_ms(const struct supervisor *self)
{
    if (self->phase == RUNNING && !wants_companion(self))
        return -1;
    int64_t left = (self->phase == RUNNING ? self->companion_at : self->deadline) - self->now;
    bool looks_again = self->phase == CLEARING || (self->phase == STOPPING && !self->command_alive);
    if (looks_again && left > LOOK_AGAIN_MS)
        left = LOOK_AGAIN_MS;
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int supervise_until_done(struct supervisor *self, int signals)
{
    while (self->phase != DONE) {
        struct pollfd sources[] = {{.fd = signals, .events = POLLIN}};
        if (poll(sources, sizeof sources / sizeof *sources, wake_in_ms(self)) < 0 && errno != EINTR) {
            log_errno("cannot wait for signals");
            return COMMAND_FAULT;
        }
        self->now = clock_monotonic_ms();
        for (int number = signals_next(signals); number != 0; number = signals_next(signals))
            hear(self, number);
        reap(self);
        settle(self);
    }
    return self->code;
}

struct supervised supervise(const struct supervise_settings *settings)
{
    struct supervisor self = {
        .settings = settings,
        .backoff = {.initial_ms = settings->backoff_initial_ms,
                    .max_ms = settings->backoff_max_ms,
                    .recovery_ms = settings->recovery_ms},
        .companion_backoff = {.initial_ms = COMPANION_BACKOFF_MS,
                              .max_ms = COMPANION_BACKOFF_MAX_MS,
                              .recovery_ms = COMPANION_BACKOFF_MAX_MS},
    };
    int signals = descriptors_seal() ? signals_open() : -1;
    if (signals < 0 || !tree_adopt_orphans()) {
        log_errno("cannot supervise");
        return (struct supervised){.code = COMMAND_FAULT};
    }
    self.has_terminal = terminal_is_of(getpgrp());
    int code = start(&self) ? supervise_until_done(&self, signals) : self.code;
    if (self.has_terminal)
        terminal_give_to(getpgrp());
    return (struct supervised){code, self.companion_is_done};
}
