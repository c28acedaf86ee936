/*
 * Connections from hubs, to the loopback of the pod: who gets there has been let in by the cluster.
 *
 * A connection begins with a greeting of the right session. What is sent to a hub that does not read waits, up to
 * a bound; then we do not read what it asks either, and what goes on by itself (output, listings) pauses.
 */
#ifndef ALCOVE_SERVER_H
#define ALCOVE_SERVER_H

#include "frames.h"
#include "watch.h"

#include <stdbool.h>
#include <stdint.h>

enum { SERVER_CONNECTIONS = 16, SERVER_LISTENERS = 2 };

/* What belongs to a connection and is not the server's. */
struct conversation;

struct connection {
    uint32_t serial; /* 0: none; never given twice */
    int socket;
    bool greeted;
    bool ends; /* when all is sent */
    int64_t greet_by;
    struct bytes inbox;
    struct outbox outbox;
    size_t watched;
    struct conversation *conversation; /* null until the role makes one */
};

struct server;

/* What a server does for: calls come with its self. */
struct server_role {
    void *self;
    /* Writes the payload of our greeting behind version and session. */
    void (*greet)(void *self, struct outbox *outbox);
    /* Takes one frame; gives null, or why the connection is to end. */
    const char *(*take)(void *self, struct connection *connection, struct frame *frame);
    /* Whether frames should wait: what came before has filled something. */
    bool (*is_busy)(void *self, const struct connection *connection);
    void (*lose)(void *self, struct connection *connection);
};

struct server {
    struct server_role role;
    const char *session;
    uint16_t port;
    int listeners[SERVER_LISTENERS]; /* -1: none */
    size_t watched[SERVER_LISTENERS];
    int64_t listen_at; /* when to try it again */
    bool told;         /* that it cannot be */
    uint32_t last_serial;
    struct connection connections[SERVER_CONNECTIONS];
};

void server_begin(struct server *server);

/* Says what to wait for, then does what there is to do. */
void server_watch(struct server *server, struct watch *watch);
void server_serve(struct server *server, const struct watch *watch);

/* The connection of that serial, or null when it has ended. */
struct connection *server_find(struct server *server, uint32_t serial);

/* Whether something more may be written that is not the answer to a frame. */
bool server_has_room(const struct connection *connection);

/* An event, to all. */
void server_announce(struct server *server, enum frame_type type, int64_t value);

/* Sends what waits as far as it goes at once, and closes everything. */
void server_end(struct server *server);

#endif
