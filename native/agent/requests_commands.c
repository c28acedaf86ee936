#include "requests.h"

#include <signal.h>
#include <stdlib.h>

const char *requests_run(struct agent *agent, struct connection *connection, struct frame *frame)
{
    char **argv = payload_texts(&frame->payload);
    char **environment = payload_texts(&frame->payload);
    char *directory = payload_text(&frame->payload);
    uint8_t flags = payload_u8(&frame->payload);
    bool whole = payload_is_whole(&frame->payload);
    if (whole) {
        struct beside_wanted wanted = {argv, environment, directory, (flags & 1) != 0, (flags & 2) != 0};
        beside_start(&agent->beside, connection, frame->request, &wanted);
    }
    free(argv);
    free(environment);
    free(directory);
    return whole ? NULL : requests_malformed;
}

const char *requests_input(struct agent *agent, struct connection *connection, struct frame *frame)
{
    size_t length;
    const unsigned char *content = payload_rest(&frame->payload, &length);
    beside_input(&agent->beside, connection, frame->request, content, length);
    return NULL;
}

const char *requests_input_end(struct agent *agent, struct connection *connection, struct frame *frame)
{
    beside_end_input(&agent->beside, connection, frame->request);
    return payload_is_whole(&frame->payload) ? NULL : requests_malformed;
}

const char *requests_signal(struct agent *agent, struct connection *connection, struct frame *frame)
{
    uint8_t number = payload_u8(&frame->payload);
    if (!payload_is_whole(&frame->payload) || number >= NSIG)
        return requests_malformed;
    beside_signal(&agent->beside, connection, frame->request, number);
    return NULL;
}

const char *requests_stop(struct agent *agent, struct connection *connection, struct frame *frame)
{
    char **names = payload_texts(&frame->payload);
    uint32_t grace_ms = payload_u32(&frame->payload);
    if (!payload_is_whole(&frame->payload)) {
        free(names);
        return requests_malformed;
    }
    struct application_waiter waiter = {connection->serial, frame->request};
    if (!application_stop(&agent->application, names, grace_ms, waiter))
        outbox_failed(&connection->outbox, frame->request, "", "too many wait for the end of the command already", false);
    return NULL;
}

/* What is read is put into a record, so that its parts live as long as it does. */
static bool read_start(struct payload *payload, struct record *record)
{
    char **argv = payload_texts(payload);
    char **environment = payload_texts(payload);
    char *directory = payload_text(payload);
    bool whole = payload_is_whole(payload);
    if (whole) {
        record_add_texts(record, argv);
        record_add_texts(record, environment);
        record_add_text(record, directory);
    }
    free(argv);
    free(environment);
    free(directory);
    return whole;
}

const char *requests_start(struct agent *agent, struct connection *connection, struct frame *frame)
{
    struct record record = {.broken = false};
    if (!read_start(&frame->payload, &record))
        return requests_malformed;
    if (record.broken) {
        record_free(&record);
        return requests_no_memory;
    }
    struct choice_command command = {.argv = record_texts(&record), .environment = record_texts(&record)};
    command.workdir = record_text(&record);
    command.record = record;
    application_start(&agent->application, command, (struct application_waiter){connection->serial, frame->request});
    return NULL;
}

const char *requests_ping(struct agent *agent, struct connection *connection, struct frame *frame)
{
    (void)agent;
    if (!payload_is_whole(&frame->payload))
        return requests_malformed;
    outbox_value(&connection->outbox, FRAME_DONE, frame->request, 0);
    return NULL;
}
