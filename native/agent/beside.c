#include "beside.h"

#include "command.h"
#include "environment.h"
#include "log.h"
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 32 * 1024, MOST_PENDING = 1 << 20, GRACE_MS = 2000 };

/* Both ends of the three, or -1: [stream][0] is read from. */
typedef int pipes[3][2];

static void shut(int *descriptor)
{
    if (*descriptor >= 0)
        (void)close(*descriptor);
    *descriptor = -1;
}

static bool open_pipes(pipes ends)
{
    memset(ends, -1, sizeof(pipes));
    for (int stream = 0; stream < 3; stream++)
        if (pipe2(ends[stream], O_CLOEXEC) < 0)
            return false;
    return true;
}

static void close_pipes(pipes ends)
{
    for (int stream = 0; stream < 3; stream++) {
        shut(&ends[stream][0]);
        shut(&ends[stream][1]);
    }
}

/* Ours are not to wait; the other end is the command's, which may. */
static int keep_ours(int *end)
{
    int kept = *end;
    *end = -1;
    (void)fcntl(kept, F_SETFL, O_NONBLOCK); /* cannot fail for a pipe */
    return kept;
}

static struct command start(const struct beside_wanted *wanted, pipes ends)
{
    struct command command = {.code = COMMAND_FAULT};
    char **environment = environment_with(wanted->environment, PROCESSES_MARK "=1");
    const int streams[3] = {ends[0][0], ends[1][1], ends[2][1]};
    struct command_settings settings = {
        .argv = wanted->argv, .environment = environment, .workdir = wanted->workdir, .streams = streams};
    if (environment != NULL)
        command = command_start(&settings);
    free(environment);
    return command;
}

static struct beside_command *free_place(struct beside *beside)
{
    for (size_t at = 0; at < BESIDE_MOST; at++)
        if (beside->commands[at].process == 0)
            return &beside->commands[at];
    return NULL;
}

void beside_start(struct beside *beside, struct connection *connection, uint32_t request,
                  const struct beside_wanted *wanted)
{
    pipes ends;
    struct beside_command *place = free_place(beside);
    if (place == NULL || wanted->argv[0] == NULL) {
        outbox_failed(&connection->outbox, request, "", place == NULL ? "too many commands run already" : "no command",
                      false);
        return;
    }
    if (!open_pipes(ends)) {
        outbox_failed(&connection->outbox, request, wanted->argv[0], strerror(errno), false);
        close_pipes(ends);
        return;
    }
    struct command command = start(wanted, ends);
    outbox_value(&connection->outbox, FRAME_STARTED, request, command.process);
    *place = (struct beside_command){
        .serial = connection->serial,
        .request = request,
        .process = command.process != 0 ? command.process : -1,
        .ended = command.process == 0,
        .code = command.code,
        .copies = wanted->copies,
        .input = wanted->has_input ? keep_ours(&ends[0][1]) : -1,
        .outputs = {keep_ours(&ends[1][0]), keep_ours(&ends[2][0])},
        .watched_input = WATCH_DESCRIPTORS,
        .watched_outputs = {WATCH_DESCRIPTORS, WATCH_DESCRIPTORS},
    };
    close_pipes(ends);
}

static struct beside_command *find(struct beside *beside, const struct connection *connection, uint32_t request)
{
    for (size_t at = 0; at < BESIDE_MOST; at++) {
        struct beside_command *command = &beside->commands[at];
        if (command->process != 0 && command->serial == connection->serial && command->request == request)
            return command;
    }
    return NULL;
}

static void close_input(struct beside_command *command)
{
    shut(&command->input);
    bytes_free(&command->pending);
}

static void send_input(struct beside_command *command)
{
    while (command->input >= 0 && command->pending.length > 0) {
        ssize_t length = write(command->input, bytes_begin(&command->pending), command->pending.length);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && errno == EAGAIN)
            return;
        if (length < 0)
            close_input(command); /* it does not read any more */
        else
            bytes_take(&command->pending, (size_t)length);
    }
    if (command->input_ends)
        close_input(command);
}

void beside_input(struct beside *beside, const struct connection *connection, uint32_t request,
                  const unsigned char *content, size_t length)
{
    struct beside_command *command = find(beside, connection, request);
    if (command == NULL || command->input < 0 || command->input_ends)
        return;
    if (!bytes_append(&command->pending, content, length))
        close_input(command);
    send_input(command);
}

void beside_end_input(struct beside *beside, const struct connection *connection, uint32_t request)
{
    struct beside_command *command = find(beside, connection, request);
    if (command == NULL)
        return;
    command->input_ends = true;
    send_input(command);
}

static void send_signal(const struct beside_command *command, int number)
{
    if (command->process > 0 && !command->ended)
        (void)kill(-command->process, number);
}

void beside_signal(struct beside *beside, const struct connection *connection, uint32_t request, int number)
{
    const struct beside_command *command = find(beside, connection, request);
    if (command != NULL)
        send_signal(command, number);
}

bool beside_is_busy(const struct beside *beside, const struct connection *connection)
{
    for (size_t at = 0; at < BESIDE_MOST; at++) {
        const struct beside_command *command = &beside->commands[at];
        if (command->process != 0 && command->serial == connection->serial && command->pending.length > MOST_PENDING)
            return true;
    }
    return false;
}

static void forget(struct beside_command *command)
{
    close_input(command);
    shut(&command->outputs[0]);
    shut(&command->outputs[1]);
    *command = (struct beside_command){.process = 0};
}

void beside_lose(struct beside *beside, const struct connection *connection, int64_t now)
{
    for (size_t at = 0; at < BESIDE_MOST; at++) {
        struct beside_command *command = &beside->commands[at];
        if (command->process == 0 || command->serial != connection->serial)
            continue;
        close_input(command);
        command->serial = 0;
        command->kill_at = now + GRACE_MS;
        send_signal(command, SIGTERM);
        if (command->ended)
            forget(command);
    }
}

void beside_note_end(struct beside *beside, pid_t process, int status)
{
    for (size_t at = 0; at < BESIDE_MOST; at++) {
        struct beside_command *command = &beside->commands[at];
        if (command->process != process || command->ended)
            continue;
        command->ended = true;
        command->code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        close_input(command);
    }
}

/* Output that nobody is told of is thrown away, so that nobody waits for its being read. */
static bool takes_output(const struct beside *beside, const struct beside_command *command)
{
    const struct connection *connection = server_find(beside->server, command->serial);
    return connection == NULL || server_has_room(connection);
}

void beside_watch(struct beside *beside, struct watch *watch)
{
    for (size_t at = 0; at < BESIDE_MOST; at++) {
        struct beside_command *command = &beside->commands[at];
        if (command->process == 0)
            continue;
        bool takes = takes_output(beside, command);
        for (int stream = 0; stream < 2; stream++)
            command->watched_outputs[stream] =
                watch_add(watch, command->outputs[stream], takes && command->outputs[stream] >= 0 ? POLLIN : 0);
        command->watched_input =
            watch_add(watch, command->input, command->input >= 0 && command->pending.length > 0 ? POLLOUT : 0);
        if (command->serial == 0 && !command->ended)
            watch_until(watch, command->kill_at);
        if (command->ended && takes)
            watch_until(watch, watch->now);
    }
}

static void pass_on(const struct beside *beside, const struct beside_command *command, int stream,
                    const unsigned char *content, size_t length)
{
    struct connection *connection = server_find(beside->server, command->serial);
    if (command->copies)
        log_copy(stream + 1, content, length);
    if (connection == NULL)
        return;
    outbox_begin(&connection->outbox, FRAME_OUTPUT, command->request);
    outbox_number(&connection->outbox, (uint64_t)stream + 1, sizeof(uint8_t));
    outbox_raw(&connection->outbox, content, length);
    outbox_end(&connection->outbox);
}

/* Reads once. False when there is nothing more for now. */
static bool read_output(const struct beside *beside, struct beside_command *command, int stream)
{
    unsigned char content[PIECE];
    if (command->outputs[stream] < 0)
        return false;
    ssize_t length = read(command->outputs[stream], content, sizeof content);
    if (length > 0)
        pass_on(beside, command, stream, content, (size_t)length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        shut(&command->outputs[stream]);
    return length > 0;
}

/* What it left behind may hold its pipes for ever: what is in them now is all that is waited for. */
static void finish(struct beside *beside, struct beside_command *command)
{
    bool more = true;
    while (more && takes_output(beside, command)) {
        more = read_output(beside, command, 0);
        more = read_output(beside, command, 1) || more;
    }
    if (more)
        return;
    struct connection *connection = server_find(beside->server, command->serial);
    if (connection != NULL)
        outbox_value(&connection->outbox, FRAME_EXITED, command->request, command->code);
    forget(command);
}

static void serve(struct beside *beside, struct beside_command *command, const struct watch *watch)
{
    for (int stream = 0; stream < 2; stream++)
        if (watch_ready(watch, command->watched_outputs[stream]) != 0)
            (void)read_output(beside, command, stream);
    if (watch_ready(watch, command->watched_input) != 0)
        send_input(command);
    if (command->serial == 0 && !command->ended && watch->now >= command->kill_at) {
        send_signal(command, SIGKILL);
        command->kill_at = watch->now + GRACE_MS;
    }
    if (command->ended)
        finish(beside, command);
}

void beside_serve(struct beside *beside, const struct watch *watch)
{
    for (size_t at = 0; at < BESIDE_MOST; at++)
        if (beside->commands[at].process != 0)
            serve(beside, &beside->commands[at], watch);
}

const pid_t *beside_processes(struct beside *beside, size_t *count)
{
    *count = 0;
    for (size_t at = 0; at < BESIDE_MOST; at++)
        if (beside->commands[at].process > 0)
            beside->processes[(*count)++] = beside->commands[at].process;
    return beside->processes;
}

void beside_kill(struct beside *beside)
{
    for (size_t at = 0; at < BESIDE_MOST; at++)
        send_signal(&beside->commands[at], SIGKILL);
}
