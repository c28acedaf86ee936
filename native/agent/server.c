#include "server.h"

#include "log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GREET_MS = 10000,
    LISTEN_AGAIN_MS = 1000,
    ROOM = 256 * 1024,      /* what goes on by itself pauses above that */
    MOST_WAITING = 4 << 20, /* a connection ends above that */
    PIECE = 64 * 1024,
};

static int listen_at(const struct sockaddr *address, socklen_t length)
{
    int yes = 1;
    int listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -1;
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->sa_family == AF_INET6)
        (void)setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(listener, address, length) == 0 && listen(listener, SOMAXCONN) == 0)
        return listener;
    int error = errno;
    (void)close(listener);
    errno = error;
    return -1;
}

/* Both, where both are: a port-forward may try ::1 first. */
static void open_listeners(struct server *server, int64_t now)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(server->port)};
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    six.sin6_addr = in6addr_loopback;
    server->listeners[1] = listen_at((const struct sockaddr *)&six, sizeof six);
    server->listeners[0] = listen_at((const struct sockaddr *)&four, sizeof four);
    server->listen_at = now + LISTEN_AGAIN_MS;
    if (server->listeners[0] < 0 && !server->told)
        log_errno("cannot listen at port %u of the loopback, so no change gets here; trying again", server->port);
    server->told |= server->listeners[0] < 0;
    if (server->listeners[0] < 0 && server->listeners[1] >= 0) {
        (void)close(server->listeners[1]); /* both or the first, or the next trial would find it taken */
        server->listeners[1] = -1;
    }
}

void server_begin(struct server *server)
{
    for (size_t at = 0; at < SERVER_LISTENERS; at++)
        server->listeners[at] = -1;
}

static size_t waiting(const struct connection *connection)
{
    return connection->outbox.bytes.length;
}

bool server_has_room(const struct connection *connection)
{
    return waiting(connection) < ROOM;
}

static bool reads(struct server *server, const struct connection *connection)
{
    return !connection->ends && server_has_room(connection) &&
           !(connection->greeted && server->role.is_busy(server->role.self, connection));
}

static bool has_frame(const struct connection *connection)
{
    struct frame frame;
    size_t size;
    return frames_find(&connection->inbox, &frame, &size) != FRAMES_NONE;
}

static void watch_connection(struct server *server, struct connection *connection, struct watch *watch)
{
    bool goes_on = reads(server, connection);
    /* The end of a connection is seen even while we do not read. */
    short events = (short)(goes_on ? POLLIN : POLLRDHUP);
    if (waiting(connection) > 0)
        events |= POLLOUT;
    connection->watched = watch_add(watch, connection->socket, events);
    if (goes_on && has_frame(connection))
        watch_until(watch, watch->now);
    if (!connection->greeted)
        watch_until(watch, connection->greet_by);
}

void server_watch(struct server *server, struct watch *watch)
{
    bool full = true;
    if (server->listeners[0] < 0 && watch->now >= server->listen_at)
        open_listeners(server, watch->now);
    if (server->listeners[0] < 0)
        watch_until(watch, server->listen_at);
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++)
        if (server->connections[at].serial != 0)
            watch_connection(server, &server->connections[at], watch);
        else
            full = false;
    for (size_t at = 0; at < SERVER_LISTENERS; at++)
        server->watched[at] = watch_add(watch, server->listeners[at], server->listeners[at] >= 0 && !full ? POLLIN : 0);
}

static void end_connection(struct server *server, struct connection *connection)
{
    server->role.lose(server->role.self, connection);
    (void)close(connection->socket);
    bytes_free(&connection->inbox);
    bytes_free(&connection->outbox.bytes);
    *connection = (struct connection){.serial = 0};
}

/* Says why, and takes nothing more. */
static void refuse(struct connection *connection, const char *reason)
{
    outbox_begin(&connection->outbox, FRAME_ERROR, 0);
    outbox_raw(&connection->outbox, reason, strlen(reason));
    outbox_end(&connection->outbox);
    connection->ends = true;
}

static void accept_connections(struct server *server, int listener, int64_t now)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++) {
        struct connection *connection = &server->connections[at];
        if (connection->serial != 0)
            continue;
        int yes = 1;
        int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted < 0)
            return;
        (void)setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        server->last_serial += server->last_serial == UINT32_MAX ? 2 : 1;
        *connection = (struct connection){
            .serial = server->last_serial, .socket = accepted, .greet_by = now + GREET_MS, .watched = WATCH_DESCRIPTORS};
    }
}

static void greet(struct server *server, struct connection *connection, struct frame *frame)
{
    uint16_t version = payload_u16(&frame->payload);
    char *session = payload_text(&frame->payload);
    bool whole = frame->type == FRAME_HELLO && payload_is_whole(&frame->payload);
    bool known = whole && strcmp(session, server->session) == 0;
    free(session);
    if (!whole)
        refuse(connection, "that is no greeting");
    else if (version != FRAMES_VERSION)
        refuse(connection, "the agent speaks version 1 of the protocol");
    else if (!known)
        refuse(connection, "the agent is of another session");
    if (connection->ends)
        return;
    connection->greeted = true;
    outbox_begin(&connection->outbox, FRAME_HELLO, frame->request);
    outbox_number(&connection->outbox, FRAMES_VERSION, sizeof(uint16_t));
    outbox_text(&connection->outbox, server->session);
    server->role.greet(server->role.self, &connection->outbox);
    outbox_end(&connection->outbox);
}

static void take_frame(struct server *server, struct connection *connection, struct frame *frame)
{
    const char *reason = NULL;
    if (!connection->greeted)
        greet(server, connection, frame);
    else
        reason = server->role.take(server->role.self, connection, frame);
    if (reason != NULL)
        refuse(connection, reason);
}

static void take_frames(struct server *server, struct connection *connection)
{
    /* A bound on what one connection does at once is that its inbox holds a frame and a piece at most. */
    while (reads(server, connection)) {
        struct frame frame;
        size_t size;
        enum frames_found found = frames_find(&connection->inbox, &frame, &size);
        if (found == FRAMES_BROKEN)
            refuse(connection, "that is no frame");
        if (found != FRAMES_ONE)
            return;
        take_frame(server, connection, &frame);
        bytes_take(&connection->inbox, size);
    }
}

/* False when the connection has ended. */
static bool receive(struct server *server, struct connection *connection)
{
    unsigned char *room = bytes_reserve(&connection->inbox, PIECE);
    if (room == NULL)
        return false;
    ssize_t length = recv(connection->socket, room, PIECE, 0);
    if (length > 0)
        connection->inbox.length += (size_t)length;
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        return false;
    take_frames(server, connection);
    return true;
}

static bool send_waiting(struct connection *connection)
{
    struct outbox *outbox = &connection->outbox;
    if (outbox->broken || waiting(connection) > MOST_WAITING)
        return false;
    while (waiting(connection) > 0) {
        ssize_t length = send(connection->socket, bytes_begin(&outbox->bytes), waiting(connection), MSG_NOSIGNAL);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return errno == EAGAIN;
        bytes_take(&outbox->bytes, (size_t)length);
    }
    return !connection->ends;
}

/* False when it is over. */
static bool serve(struct server *server, struct connection *connection, const struct watch *watch)
{
    short ready = watch_ready(watch, connection->watched);
    connection->watched = WATCH_DESCRIPTORS; /* it may be written to before the next waiting */
    if (!connection->greeted && watch->now >= connection->greet_by)
        return false;
    bool goes_on = reads(server, connection);
    if ((ready & (POLLERR | POLLNVAL)) != 0 || (!goes_on && (ready & (POLLHUP | POLLRDHUP)) != 0 && !connection->ends))
        return false;
    if (goes_on && (ready & (POLLIN | POLLHUP)) != 0) {
        if (!receive(server, connection))
            return false;
    } else {
        take_frames(server, connection);
    }
    return send_waiting(connection);
}

void server_serve(struct server *server, const struct watch *watch)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++) {
        struct connection *connection = &server->connections[at];
        if (connection->serial != 0 && !serve(server, connection, watch))
            end_connection(server, connection);
    }
    for (size_t at = 0; at < SERVER_LISTENERS; at++)
        if (watch_ready(watch, server->watched[at]) != 0)
            accept_connections(server, server->listeners[at], watch->now);
}

struct connection *server_find(struct server *server, uint32_t serial)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++)
        if (server->connections[at].serial == serial && serial != 0)
            return &server->connections[at];
    return NULL;
}

void server_announce(struct server *server, enum frame_type type, int64_t value)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++)
        if (server->connections[at].greeted && !server->connections[at].ends)
            outbox_value(&server->connections[at].outbox, type, 0, value);
}

void server_end(struct server *server)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++)
        if (server->connections[at].serial != 0) {
            (void)send_waiting(&server->connections[at]);
            end_connection(server, &server->connections[at]);
        }
    for (size_t at = 0; at < SERVER_LISTENERS; at++)
        if (server->listeners[at] >= 0)
            (void)close(server->listeners[at]);
}
