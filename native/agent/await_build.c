#include "session.h"

#include "clock.h"
#include "command.h"
#include "descriptors.h"
#include "files.h"
#include "log.h"
#include "records.h"
#include "server.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROGRAM_MODE = 0755, EVERYBODYS = 0777, PIECE = 64 * 1024 };

struct waiting {
    struct server server;
    const char *directory;
    bool is_built;
};

/* ------------------------------------------------------------ what others need */

static bool copy_content(int from, int to)
{
    static char content[PIECE];
    for (;;) {
        ssize_t length = read(from, content, sizeof content);
        if (length == 0)
            return true;
        if (length < 0 && errno != EINTR)
            return false;
        if (length > 0 && !files_write(to, content, (size_t)length))
            return false;
    }
}

/* The program that runs now, wherever that is; without /proc, as it was started. */
static int open_program(const char *program)
{
    int descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    return descriptor >= 0 ? descriptor : open(program, O_RDONLY | O_CLOEXEC);
}

static bool write_program(const char *program, const char *target)
{
    int from = open_program(program);
    int to = from >= 0 ? open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, PROGRAM_MODE) : -1;
    bool copied = to >= 0 && copy_content(from, to) && fchmod(to, PROGRAM_MODE) == 0;
    int error = errno;
    if (from >= 0)
        (void)close(from); /* only read from */
    bool closed = to < 0 || close(to) == 0;
    if (!copied)
        errno = error;
    return copied && closed;
}

/* Others may already execute the old one. */
static bool leave_program(const char *directory, const char *program)
{
    char bin[PATH_MAX], fresh[PATH_MAX], target[PATH_MAX];
    int length = snprintf(bin, sizeof bin, "%s/bin", directory);
    (void)snprintf(fresh, sizeof fresh, "%.*s/bin/.alcove-agent.new", PATH_MAX - 32, directory);
    (void)snprintf(target, sizeof target, "%.*s/bin/alcove-agent", PATH_MAX - 32, directory);
    if (length < 0 || length > PATH_MAX - 32) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (mkdir(bin, PROGRAM_MODE) < 0 && errno != EEXIST)
        return false;
    (void)chmod(bin, PROGRAM_MODE); /* whatever the umask is; another's is as it is */
    (void)unlink(fresh);
    return write_program(program, fresh) && rename(fresh, target) == 0;
}

/* An application may run as any user, and leaves here what its container's next life has to know. */
static void open_directory(const char *directory)
{
    struct stat found;
    if (chmod(directory, EVERYBODYS) == 0)
        return;
    int error = errno;
    if (stat(directory, &found) == 0 && (found.st_mode & S_IWOTH) != 0)
        return;
    errno = error;
    log_errno("cannot have everybody write in %s: restarted containers will not know what they had", directory);
}

/* ------------------------------------------------------------ what hubs say */

static void greet(void *self, struct outbox *outbox)
{
    const struct waiting *waiting = self;
    outbox_text(outbox, "build");
    outbox_text(outbox, "");
    outbox_text(outbox, "");
    outbox_number(outbox, waiting->is_built ? 2 : 0, sizeof(uint8_t));
    outbox_number(outbox, 0, sizeof(uint32_t));
    outbox_number(outbox, 0, sizeof(uint32_t));
    outbox_number(outbox, geteuid(), sizeof(uint32_t));
    outbox_text(outbox, "/");
}

/* False when it could not be kept. */
static bool answer(const struct waiting *waiting, struct connection *connection, const struct frame *frame,
                   const struct record *record, const char *name)
{
    bool kept = record_write(record, waiting->directory, name);
    if (kept)
        outbox_value(&connection->outbox, FRAME_DONE, frame->request, 0);
    else
        outbox_failed(&connection->outbox, frame->request, name, strerror(errno), false);
    return kept;
}

static void add_texts(struct payload *payload, struct record *record)
{
    char **texts = payload_texts(payload);
    if (texts != NULL)
        record_add_texts(record, texts);
    free(texts);
}

static void add_text(struct payload *payload, struct record *record)
{
    char *text = payload_text(payload);
    if (text != NULL)
        record_add_text(record, text);
    free(text);
}

static bool take_built(struct waiting *waiting, struct connection *connection, struct frame *frame)
{
    struct record record = {.broken = false};
    add_texts(&frame->payload, &record);
    add_texts(&frame->payload, &record);
    add_text(&frame->payload, &record);
    add_text(&frame->payload, &record);
    add_texts(&frame->payload, &record);
    bool whole = payload_is_whole(&frame->payload);
    if (whole)
        waiting->is_built = answer(waiting, connection, frame, &record, "image.config");
    record_free(&record);
    return whole;
}

static bool take_settings(struct waiting *waiting, struct connection *connection, struct frame *frame)
{
    struct record record = {.broken = false};
    add_texts(&frame->payload, &record);
    add_texts(&frame->payload, &record);
    add_text(&frame->payload, &record);
    record_add_text(&record, payload_u8(&frame->payload) != 0 ? "1" : "0");
    bool whole = payload_is_whole(&frame->payload);
    if (whole)
        (void)answer(waiting, connection, frame, &record, "settings");
    record_free(&record);
    return whole;
}

static void copy_to_log(struct frame *frame)
{
    size_t length;
    const unsigned char *content = payload_rest(&frame->payload, &length);
    log_copy(STDOUT_FILENO, content, length);
}

static const char *take(void *self, struct connection *connection, struct frame *frame)
{
    bool whole = true;
    switch (frame->type) {
    case FRAME_LOG:
        copy_to_log(frame);
        return NULL;
    case FRAME_BUILD_FAILED:
        copy_to_log(frame);
        log_copy(STDOUT_FILENO, (const unsigned char *)"\n", 1);
        break;
    case FRAME_SETTINGS:
        whole = take_settings(self, connection, frame);
        break;
    case FRAME_BUILT:
        whole = take_built(self, connection, frame);
        break;
    case FRAME_PING:
        whole = payload_is_whole(&frame->payload);
        break;
    default:
        return "there is no such message for an agent that waits for an image";
    }
    if (whole && (frame->type == FRAME_BUILD_FAILED || frame->type == FRAME_PING))
        outbox_value(&connection->outbox, FRAME_DONE, frame->request, 0);
    return whole ? NULL : "a message is not what its type says";
}

static bool is_busy(void *self, const struct connection *connection)
{
    (void)connection;
    return ((const struct waiting *)self)->is_built;
}

static void lose(void *self, struct connection *connection)
{
    (void)self, (void)connection;
}

/* ------------------------------------------------------------ the loop */

/* Gives a signal that ends us, or 0. */
static int next_end(int signals)
{
    for (int number = signals_next(signals); number != 0; number = signals_next(signals))
        if (number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP)
            return number;
    return 0;
}

static int serve_until_built(struct waiting *waiting, int signals)
{
    static struct watch watch;
    while (!waiting->is_built) {
        watch_begin(&watch, clock_monotonic_ms());
        (void)watch_add(&watch, signals, POLLIN);
        server_watch(&waiting->server, &watch);
        if (!watch_wait(&watch)) {
            log_errno("cannot wait for what happens");
            return COMMAND_FAULT;
        }
        int number = next_end(signals);
        if (number != 0)
            return 128 + number;
        server_serve(&waiting->server, &watch);
    }
    return 0;
}

int session_await_build(const struct session_settings *settings, const char *program)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    int signals = descriptors_seal() ? signals_open() : -1;
    if (waiting == NULL || signals < 0) {
        log_errno("cannot begin");
        free(waiting);
        return COMMAND_FAULT;
    }
    waiting->directory = settings->application.directory;
    open_directory(waiting->directory);
    if (!leave_program(waiting->directory, program)) {
        log_errno("cannot put the agent into %s/bin", waiting->directory);
        free(waiting);
        return COMMAND_FAULT;
    }
    waiting->server = (struct server){
        .role = {.self = waiting, .greet = greet, .take = take, .is_busy = is_busy, .lose = lose},
        .session = settings->session,
        .port = settings->port};
    server_begin(&waiting->server);
    int code = serve_until_built(waiting, signals);
    server_end(&waiting->server);
    free(waiting);
    return code;
}
