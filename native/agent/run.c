#include "session.h"

#include "clock.h"
#include "command.h"
#include "conversation.h"
#include "descriptors.h"
#include "log.h"
#include "signals.h"
#include "terminal.h"
#include "tree.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static void say_started(void *self, pid_t process)
{
    struct agent *agent = self;
    server_announce(&agent->server, FRAME_COMMAND_STARTED, process);
}

static void say_ended(void *self, int code)
{
    struct agent *agent = self;
    server_announce(&agent->server, FRAME_COMMAND_EXITED, code);
}

static void say_done(void *self, struct application_waiter waiter, int64_t value)
{
    struct agent *agent = self;
    struct connection *connection = server_find(&agent->server, waiter.serial);
    if (connection != NULL)
        outbox_value(&connection->outbox, FRAME_DONE, waiter.request, value);
}

static void say_failed(void *self, struct application_waiter waiter, const char *reason)
{
    struct agent *agent = self;
    struct connection *connection = server_find(&agent->server, waiter.serial);
    if (connection != NULL)
        outbox_failed(&connection->outbox, waiter.request, "", reason, false);
}

static const pid_t *beside(void *self, size_t *count)
{
    struct agent *agent = self;
    return beside_processes(&agent->beside, count);
}

static void name_instance(char instance[CONVERSATION_INSTANCE])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
        number = (uint64_t)clock_wall_ms() << 20 ^ (uint64_t)getpid();
    (void)snprintf(instance, CONVERSATION_INSTANCE, "%016" PRIx64, number);
}

static void reap(struct agent *agent)
{
    int status = 0;
    for (pid_t process = tree_reap_one(&status); process > 0; process = tree_reap_one(&status)) {
        beside_note_end(&agent->beside, process, status);
        application_note_end(&agent->application, process, status);
    }
}

static void serve(struct agent *agent, int signals, const struct watch *watch)
{
    agent->application.now = watch->now;
    for (int number = signals_next(signals); number != 0; number = signals_next(signals))
        application_take_signal(&agent->application, number);
    reap(agent);
    server_serve(&agent->server, watch);
    beside_serve(&agent->beside, watch);
    conversation_serve(agent);
    application_serve(&agent->application);
}

/* Gives the exit code. */
static int serve_until_over(struct agent *agent, int signals)
{
    static struct watch watch;
    int code;
    while (!application_is_over(&agent->application, &code)) {
        watch_begin(&watch, clock_monotonic_ms());
        (void)watch_add(&watch, signals, POLLIN);
        server_watch(&agent->server, &watch);
        beside_watch(&agent->beside, &watch);
        conversation_watch(agent, &watch);
        application_watch(&agent->application, &watch);
        if (!watch_wait(&watch)) {
            log_errno("cannot wait for what happens");
            return COMMAND_FAULT;
        }
        serve(agent, signals, &watch);
    }
    return code;
}

int session_run(const struct session_settings *settings)
{
    struct agent *agent = calloc(1, sizeof *agent);
    int signals = descriptors_seal() ? signals_open() : -1;
    if (agent == NULL || signals < 0 || !tree_adopt_orphans()) {
        log_errno("cannot begin");
        free(agent);
        return COMMAND_FAULT;
    }
    name_instance(agent->instance);
    agent->server = (struct server){
        .role = conversation_role(agent), .session = settings->session, .port = settings->port};
    agent->beside.server = &agent->server;
    agent->application.choice.settings = &settings->application;
    agent->application.listener =
        (struct application_listener){agent, say_started, say_ended, say_done, say_failed, beside};
    agent->application.now = clock_monotonic_ms();
    server_begin(&agent->server);
    application_begin(&agent->application, conversation_was_changed(&settings->application));
    int code = serve_until_over(agent, signals);
    if (agent->application.has_terminal)
        terminal_give_to(getpgrp());
    beside_kill(&agent->beside);
    server_end(&agent->server);
    application_end(&agent->application);
    free(agent);
    return code;
}
