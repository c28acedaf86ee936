#include "requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void requests_end_batch(struct conversation *conversation)
{
    batch_free(conversation->batch);
    conversation->batch = NULL;
}

static void set_applied(struct agent *agent, const char *applied)
{
    (void)snprintf(agent->applied, sizeof agent->applied, "%s", applied);
    conversation_keep_applied(agent);
}

/* What still comes of it is not listened to. */
static void fail_batch(struct agent *agent, struct connection *connection, const struct failure *failure)
{
    struct conversation *conversation = connection->conversation;
    requests_end_batch(conversation);
    if (failure->partly)
        set_applied(agent, "?");
    outbox_failed(&connection->outbox, conversation->batch_request, failure->path, failure->reason, failure->partly);
}

const char *requests_begin(struct agent *agent, struct connection *connection, struct frame *frame)
{
    struct conversation *conversation = connection->conversation;
    struct failure failure;
    char *root = payload_text(&frame->payload);
    if (!payload_is_whole(&frame->payload)) {
        free(root);
        return requests_malformed;
    }
    requests_end_batch(conversation);
    conversation->batch_request = frame->request;
    conversation->batch = batch_begin(root, agent->instance, &failure);
    if (conversation->batch == NULL)
        fail_batch(agent, connection, &failure);
    free(root);
    return NULL;
}

static bool add_file(struct batch *batch, char *path, struct payload *payload, struct failure *failure)
{
    struct batch_file file = {.mode = payload_u32(payload), .size = payload_u64(payload)};
    const unsigned char *digest = payload_bytes(payload, sizeof file.digest);
    if (!payload_is_whole(payload)) {
        free(path);
        return false;
    }
    memcpy(file.digest, digest, sizeof file.digest);
    return batch_file(batch, path, &file, failure);
}

/* Paths come first; what follows differs. False with a payload that is bad, or what went wrong. */
static bool add_change(struct batch *batch, struct frame *frame, struct failure *failure)
{
    struct payload *payload = &frame->payload;
    char *path = payload_text(payload);
    if (frame->type == FRAME_FILE && path != NULL)
        return add_file(batch, path, payload, failure);
    char *target = frame->type == FRAME_LINK ? payload_text(payload) : NULL;
    uint32_t mode = frame->type == FRAME_DIRECTORY || frame->type == FRAME_MODE ? payload_u32(payload) : 0;
    if (!payload_is_whole(payload)) {
        free(path);
        free(target);
        return false;
    }
    switch (frame->type) {
    case FRAME_LINK:
        return batch_link(batch, path, target, failure);
    case FRAME_DIRECTORY:
        return batch_directory(batch, path, mode, failure);
    case FRAME_MODE:
        return batch_mode(batch, path, mode, failure);
    default:
        return batch_remove(batch, path, failure);
    }
}

static bool add_data(struct batch *batch, struct frame *frame, struct failure *failure)
{
    size_t length;
    const unsigned char *content = payload_rest(&frame->payload, &length);
    return batch_data(batch, content, length, failure);
}

const char *requests_change(struct agent *agent, struct connection *connection, struct frame *frame)
{
    struct conversation *conversation = connection->conversation;
    struct failure failure;
    if (conversation->batch_request == 0 || frame->request != conversation->batch_request)
        return "a change belongs to no batch";
    if (conversation->batch == NULL)
        return NULL; /* it has failed */
    bool added = frame->type == FRAME_DATA ? add_data(conversation->batch, frame, &failure)
                                           : add_change(conversation->batch, frame, &failure);
    if (!payload_is_whole(&frame->payload))
        return requests_malformed;
    if (!added)
        fail_batch(agent, connection, &failure);
    return NULL;
}

static void commit(struct agent *agent, struct connection *connection, const char *applied)
{
    struct conversation *conversation = connection->conversation;
    struct failure failure;
    if (!batch_commit(conversation->batch, &failure)) {
        fail_batch(agent, connection, &failure);
        return;
    }
    requests_end_batch(conversation);
    set_applied(agent, applied);
    outbox_value(&connection->outbox, FRAME_DONE, conversation->batch_request, 0);
    application_go_on(&agent->application);
}

const char *requests_commit(struct agent *agent, struct connection *connection, struct frame *frame)
{
    struct conversation *conversation = connection->conversation;
    char *applied = payload_text(&frame->payload);
    const char *reason = NULL;
    if (!payload_is_whole(&frame->payload))
        reason = requests_malformed;
    else if (strlen(applied) >= CONVERSATION_APPLIED)
        reason = "the name of a manifest is too long";
    else if (conversation->batch_request == 0 || frame->request != conversation->batch_request)
        reason = "a commit belongs to no batch";
    else if (conversation->batch != NULL)
        commit(agent, connection, applied);
    if (reason == NULL)
        conversation->batch_request = 0;
    free(applied);
    return reason;
}

const char *requests_tree(struct agent *agent, struct connection *connection, struct frame *frame)
{
    struct conversation *conversation = connection->conversation;
    struct failure failure;
    char *root = payload_text(&frame->payload);
    char **paths = payload_texts(&frame->payload);
    size_t place = 0;
    if (!payload_is_whole(&frame->payload)) {
        free(root);
        free(paths);
        return requests_malformed;
    }
    while (place < REQUESTS_LISTINGS && conversation->listings[place].listing != NULL)
        place++;
    if (place == REQUESTS_LISTINGS) {
        outbox_failed(&connection->outbox, frame->request, root, "too many listings at once", false);
        free(paths);
    } else {
        conversation->listings[place].request = frame->request;
        conversation->listings[place].listing = listing_begin(root, paths, agent->instance, &failure);
        if (conversation->listings[place].listing == NULL)
            outbox_failed(&connection->outbox, frame->request, failure.path, failure.reason, false);
    }
    free(root);
    return NULL;
}
