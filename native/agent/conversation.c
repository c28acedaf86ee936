#include "conversation.h"

#include "log.h"
#include "requests.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_NAME = 300 };

const char requests_no_memory[] = "no memory";
const char requests_malformed[] = "a message is not what its type says";

static void name_record(const struct choice_settings *settings, char name[RECORD_NAME])
{
    (void)snprintf(name, RECORD_NAME, "applied.%s", settings->container);
}

bool conversation_was_changed(const struct choice_settings *settings)
{
    char name[RECORD_NAME];
    struct record record = {.broken = false};
    name_record(settings, name);
    bool found = record_read(&record, settings->directory, name);
    record_free(&record);
    return found;
}

void conversation_keep_applied(const struct agent *agent)
{
    const struct choice_settings *settings = agent->application.choice.settings;
    char name[RECORD_NAME];
    struct record record = {.broken = false};
    name_record(settings, name);
    record_add_text(&record, agent->instance);
    record_add_text(&record, agent->applied);
    if (!record_write(&record, settings->directory, name))
        log_errno("cannot keep what was applied, in %s/%s", settings->directory, name);
    record_free(&record);
}

/* "/" is where a container is that says nothing else; then the image may. */
static const char *workdir(const struct application *application, char *buffer, size_t size)
{
    if (getcwd(buffer, size) == NULL || *buffer != '/')
        (void)snprintf(buffer, size, "/");
    const char *of_image = application->choice.image_workdir;
    return strcmp(buffer, "/") == 0 && of_image != NULL && *of_image != '\0' ? of_image : buffer;
}

static void greet(void *self, struct outbox *outbox)
{
    struct agent *agent = self;
    const struct application *application = &agent->application;
    char buffer[PATH_MAX];
    outbox_text(outbox, "run");
    outbox_text(outbox, agent->applied);
    outbox_text(outbox, agent->instance);
    outbox_number(outbox, (uint64_t)application_state(application), sizeof(uint8_t));
    outbox_number(outbox, application->command_alive ? (uint64_t)application->command : 0, sizeof(uint32_t));
    outbox_number(outbox, (uint64_t)(int64_t)application->code, sizeof(uint32_t));
    outbox_number(outbox, geteuid(), sizeof(uint32_t));
    outbox_text(outbox, workdir(application, buffer, sizeof buffer));
}

static bool has_listing(const struct connection *connection)
{
    for (size_t at = 0; connection->conversation != NULL && at < REQUESTS_LISTINGS; at++)
        if (connection->conversation->listings[at].listing != NULL)
            return true;
    return false;
}

static void go_on_with(struct connection *connection, size_t place)
{
    struct listing **listing = &connection->conversation->listings[place].listing;
    uint32_t request = connection->conversation->listings[place].request;
    struct failure failure;
    enum listing_progress progress = listing_go_on(*listing, request, &connection->outbox, &failure);
    if (progress == LISTING_GOES_ON)
        return;
    listing_free(*listing);
    *listing = NULL;
    if (progress == LISTING_DONE)
        outbox_value(&connection->outbox, FRAME_DONE, request, 0);
    else
        outbox_failed(&connection->outbox, request, failure.path, failure.reason, false);
}

void conversation_watch(struct agent *agent, struct watch *watch)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++)
        if (has_listing(&agent->server.connections[at]) && server_has_room(&agent->server.connections[at]))
            watch_until(watch, watch->now);
}

void conversation_serve(struct agent *agent)
{
    for (size_t at = 0; at < SERVER_CONNECTIONS; at++) {
        struct connection *connection = &agent->server.connections[at];
        for (size_t place = 0; connection->conversation != NULL && place < REQUESTS_LISTINGS; place++)
            if (connection->conversation->listings[place].listing != NULL && server_has_room(connection))
                go_on_with(connection, place);
    }
}

static const char *take(void *self, struct connection *connection, struct frame *frame)
{
    static requests_take *const takers[] = {
        [FRAME_BEGIN] = requests_begin,   [FRAME_FILE] = requests_change,     [FRAME_DATA] = requests_change,
        [FRAME_LINK] = requests_change,   [FRAME_DIRECTORY] = requests_change, [FRAME_REMOVE] = requests_change,
        [FRAME_MODE] = requests_change,   [FRAME_COMMIT] = requests_commit,   [FRAME_TREE] = requests_tree,
        [FRAME_RUN] = requests_run,       [FRAME_INPUT] = requests_input,     [FRAME_INPUT_END] = requests_input_end,
        [FRAME_SIGNAL] = requests_signal, [FRAME_STOP] = requests_stop,       [FRAME_START] = requests_start,
        [FRAME_PING] = requests_ping,
    };
    if (connection->conversation == NULL)
        connection->conversation = calloc(1, sizeof *connection->conversation);
    if (connection->conversation == NULL)
        return requests_no_memory;
    if (frame->request == 0)
        return "a request has no number";
    if (frame->type >= sizeof takers / sizeof *takers || takers[frame->type] == NULL)
        return "there is no such message for an agent that runs";
    return takers[frame->type](self, connection, frame);
}

static bool is_busy(void *self, const struct connection *connection)
{
    const struct agent *agent = self;
    return beside_is_busy(&agent->beside, connection);
}

static void lose(void *self, struct connection *connection)
{
    struct agent *agent = self;
    struct conversation *conversation = connection->conversation;
    beside_lose(&agent->beside, connection, agent->application.now);
    if (conversation == NULL)
        return;
    requests_end_batch(conversation);
    for (size_t at = 0; at < REQUESTS_LISTINGS; at++)
        listing_free(conversation->listings[at].listing);
    free(conversation);
    connection->conversation = NULL;
}

struct server_role conversation_role(struct agent *agent)
{
    return (struct server_role){.self = agent, .greet = greet, .take = take, .is_busy = is_busy, .lose = lose};
}
