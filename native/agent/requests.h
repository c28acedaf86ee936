/*
 * What a hub can ask of a session's agent, a function each: they give null, or why the connection is to end.
 */
#ifndef ALCOVE_REQUESTS_H
#define ALCOVE_REQUESTS_H

#include "batch.h"
#include "conversation.h"
#include "listing.h"

enum { REQUESTS_LISTINGS = 8 };

struct conversation {
    struct batch *batch;
    uint32_t batch_request; /* 0: none; else that of the batch, which may have failed */
    struct {
        struct listing *listing; /* null: none */
        uint32_t request;
    } listings[REQUESTS_LISTINGS];
};

typedef const char *requests_take(struct agent *agent, struct connection *connection, struct frame *frame);

extern const char requests_no_memory[];
extern const char requests_malformed[];

/* requests_tree.c: what is in the container. One of a batch that failed is not listened to. */
requests_take requests_begin;
requests_take requests_change;
requests_take requests_commit;
requests_take requests_tree;

/* Gives up what of a batch has come. */
void requests_end_batch(struct conversation *conversation);

/* requests_commands.c: what runs in it. */
requests_take requests_run;
requests_take requests_input;
requests_take requests_input_end;
requests_take requests_signal;
requests_take requests_stop;
requests_take requests_start;
requests_take requests_ping;

#endif
