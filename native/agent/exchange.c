#include "exchange.h"

#include "clock.h"
#include "files.h"
#include "http.h"
#include "log.h"
#include "renewal.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOKEN_BYTES = 16 * 1024,
    REASON_BYTES = 256,
    /* An Envoy that begins to listen needs a fraction of it, so its start is no failure. */
    LISTEN_MS = 2000,
    ANSWER_MS = 10000,
};

static const struct renewal_patience patience_of_start = {.initial_ms = 50, .max_ms = 2000};
static const struct renewal_patience patience_of_renewal = {.initial_ms = 1000, .max_ms = 60000};

struct pending {
    const struct exchange_fetch *fetch;
    struct renewal renewal;
    char reason[REASON_BYTES]; /* of the last failure, which has been told; empty after a success */
    bool found_nobody;         /* the last time */
};

struct exchange {
    const struct exchange_settings *settings;
    const struct renewal_patience *patience;
    struct pending pending[EXCHANGE_FETCHES];
    char token[TOKEN_BYTES];
    size_t token_length;
    char request[TOKEN_BYTES + EXCHANGE_PATH_BYTES + 256];
    struct answer answer;
};

/* What is in a header must not end it. */
static bool is_token(const char *token, size_t length)
{
    for (size_t at = 0; at < length; at++)
        if (token[at] <= ' ' || token[at] >= '\x7f')
            return false;
    return length > 0;
}

/* False, with the reason, when there is none. */
static bool read_token(struct exchange *self, char reason[REASON_BYTES])
{
    const char *path = self->settings->token;
    ssize_t length = files_read(path, self->token, sizeof self->token);
    if (length < 0) {
        (void)snprintf(reason, REASON_BYTES, "cannot read the token %s: %s", path, strerror(errno));
        return false;
    }
    while (length > 0 && (self->token[length - 1] == '\n' || self->token[length - 1] == '\r'))
        length--;
    self->token_length = (size_t)length;
    if (is_token(self->token, self->token_length))
        return true;
    (void)snprintf(reason, REASON_BYTES, "%s holds no token", path);
    return false;
}

static struct http_result ask(struct exchange *self, const struct exchange_fetch *fetch)
{
    int length = snprintf(self->request, sizeof self->request,
                          "POST %.*s HTTP/1.1\r\n"
                          "Host: alcove\r\n"
                          "Authorization: Bearer %.*s\r\n"
                          "Content-Length: 0\r\n"
                          "Connection: close\r\n"
                          "\r\n",
                          fetch->path_length, fetch->path, (int)self->token_length, self->token);
    struct http_question question = {
        .socket = self->settings->socket,
        .request = self->request,
        .length = (size_t)length, /* it has room: all parts are bounded */
        .listen_ms = LISTEN_MS,
        .answer_ms = ANSWER_MS,
    };
    return http_ask(&question, &self->answer);
}

/* The body's first line tells why; but one that repeats our token must not be repeated. */
static void describe_refusal(const struct exchange *self, char reason[REASON_BYTES])
{
    const struct answer *answer = &self->answer;
    const char *end = memchr(answer->body, '\n', answer->body_length);
    size_t length = end == NULL ? answer->body_length : (size_t)(end - answer->body);
    if (memmem(answer->body, length, self->token, self->token_length) != NULL)
        length = 0;
    int shown = length < REASON_BYTES ? (int)length : REASON_BYTES;
    (void)snprintf(reason, REASON_BYTES, "status %d%s%.*s", answer->status, shown > 0 ? ": " : "", shown,
                   answer->body);
}

static bool keep(const struct exchange *self, const char *file, const char *content, size_t length,
                 char reason[REASON_BYTES])
{
    struct files_content kept = {content, length, S_IRUSR | S_IWUSR | S_IRGRP};
    if (files_replace(self->settings->identity, file, &kept))
        return true;
    (void)snprintf(reason, REASON_BYTES, "cannot write %s/%s: %s", self->settings->identity, file, strerror(errno));
    return false;
}

static void name_age(const struct exchange_fetch *fetch, char name[EXCHANGE_FILE_BYTES + 8])
{
    (void)snprintf(name, EXCHANGE_FILE_BYTES + 8, ".%s.age", fetch->file);
}

/* The age comes second: when that fails, or we are ended in between, the file is renewed too early. */
static bool keep_both(const struct exchange *self, const struct exchange_fetch *fetch,
                      const struct renewal *renewal, char reason[REASON_BYTES])
{
    char name[EXCHANGE_FILE_BYTES + 8];
    char record[RENEWAL_RECORD_BYTES];
    size_t length = renewal_render(renewal, record);
    name_age(fetch, name);
    return keep(self, fetch->file, self->answer.body, self->answer.body_length, reason) &&
           keep(self, name, record, length, reason);
}

/* Gives what is known after it; the reason is empty if it succeeded. */
static struct renewal fetch_once(struct exchange *self, struct pending *pending, char reason[REASON_BYTES])
{
    *reason = '\0';
    pending->found_nobody = false;
    if (read_token(self, reason)) {
        struct http_result result = ask(self, pending->fetch);
        pending->found_nobody = result.kind == HTTP_NOBODY_LISTENS;
        if (pending->found_nobody)
            (void)snprintf(reason, REASON_BYTES, "nothing listens at %s: %s", self->settings->socket, result.reason);
        else if (result.kind == HTTP_FAILED)
            (void)snprintf(reason, REASON_BYTES, "asked over %s: %s", self->settings->socket, result.reason);
        else if (self->answer.status != 200)
            describe_refusal(self, reason);
        else if (self->answer.body_length == 0)
            (void)snprintf(reason, REASON_BYTES, "the answer is empty");
    }
    if (*reason == '\0') {
        struct renewal renewal = renewal_after_success(clock_wall_ms(), self->answer.max_age_s);
        if (keep_both(self, pending->fetch, &renewal, reason))
            return renewal;
    }
    return renewal_after_failure(&pending->renewal, clock_wall_ms());
}

static void fetch(struct exchange *self, struct pending *pending)
{
    const struct exchange_fetch *what = pending->fetch;
    char reason[REASON_BYTES];
    pending->renewal = fetch_once(self, pending, reason);
    if (*reason == '\0' && *pending->reason != '\0')
        log_line("fetched %.*s at last", what->path_length, what->path);
    else if (strcmp(reason, pending->reason) != 0)
        log_line("cannot fetch %.*s, and keep trying: %s", what->path_length, what->path, reason);
    memcpy(pending->reason, reason, strlen(reason) + 1);
}

/* Gives when the next one is due. */
static int64_t fetch_what_is_due(struct exchange *self)
{
    int64_t next = INT64_MAX;
    for (size_t at = 0; at < self->settings->count; at++) {
        struct pending *pending = &self->pending[at];
        int64_t now = clock_wall_ms();
        if (renewal_due_ms(&pending->renewal, self->patience, now) <= now)
            fetch(self, pending);
        now = clock_wall_ms();
        int64_t due = renewal_due_ms(&pending->renewal, self->patience, now);
        if (due < next)
            next = due;
    }
    return next;
}

/* Also returns when somebody sets the clock: then all has to be looked at anew. */
static bool sleep_until(int timer, int64_t wall_ms)
{
    const struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(wall_ms / 1000), .tv_nsec = (long)(wall_ms % 1000) * 1000000},
    };
    uint64_t expired;
    bool came = timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &time, NULL) == 0 &&
                read(timer, &expired, sizeof expired) > 0;
    return came || errno == ECANCELED || errno == EINTR;
}

static struct exchange *begin(const struct exchange_settings *settings, const struct renewal_patience *patience)
{
    static struct exchange exchange; /* too large for a stack */
    exchange.settings = settings;
    exchange.patience = patience;
    for (size_t at = 0; at < settings->count; at++) {
        exchange.pending[at].fetch = &settings->fetches[at];
        exchange.pending[at].renewal = renewal_parse("", 0);
    }
    return &exchange;
}

static bool is_all_fetched(const struct exchange *self)
{
    for (size_t at = 0; at < self->settings->count; at++)
        if (self->pending[at].renewal.fetched_at_ms < 0)
            return false;
    return true;
}

static bool is_given_up(const struct exchange *self)
{
    int64_t now = clock_wall_ms();
    for (size_t at = 0; self->settings->gives_up && at < self->settings->count; at++)
        if (self->pending[at].found_nobody && renewal_is_stale(&self->pending[at].renewal, now))
            return true;
    return false;
}

/* Until all are there, or until it gives up. Gives an exit code. */
static int run(struct exchange *self, bool until_all_are_there)
{
    int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    for (;;) {
        int64_t next = fetch_what_is_due(self);
        if (until_all_are_there ? is_all_fetched(self) : is_given_up(self))
            return 0;
        if (timer < 0 || !sleep_until(timer, next)) {
            log_errno("cannot wait until a file is due");
            return 1;
        }
    }
}

int exchange_fetch_all(const void *settings)
{
    return run(begin(settings, &patience_of_start), true);
}

/* What the file is worth is not known without its age, nor is an age worth anything without its file. */
static struct renewal recall(const struct exchange *self, const struct exchange_fetch *fetch)
{
    char name[EXCHANGE_FILE_BYTES + 8];
    char path[PATH_MAX];
    char record[RENEWAL_RECORD_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", self->settings->identity, fetch->file);
    if (access(path, F_OK) != 0)
        return renewal_parse("", 0);
    name_age(fetch, name);
    (void)snprintf(path, sizeof path, "%s/%s", self->settings->identity, name);
    ssize_t length = files_read(path, record, sizeof record);
    return renewal_parse(record, length < 0 ? 0 : (size_t)length);
}

int exchange_renew(const void *settings)
{
    struct exchange *self = begin(settings, &patience_of_renewal);
    for (size_t at = 0; at < self->settings->count; at++)
        self->pending[at].renewal = recall(self, self->pending[at].fetch);
    return run(self, false);
}
