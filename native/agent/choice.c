#include "choice.h"

#include "environment.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_NAME = 300 };

static void name_record(const struct choice *self, char name[RECORD_NAME])
{
    (void)snprintf(name, RECORD_NAME, "command.%s", self->settings->container);
}

static void free_command(struct choice_command *command)
{
    free(command->argv);
    free(command->environment);
    record_free(&command->record);
    *command = (struct choice_command){.argv = NULL};
}

static bool is_empty(char *const *list)
{
    return list == NULL || *list == NULL;
}

/* One empty text asks for what the pod or its image says, whatever the session wanted when it was built. */
static bool is_plain(char *const *list)
{
    return !is_empty(list) && **list == '\0';
}

/* ------------------------------------------------------------ what is remembered */

static void read_command(struct record *record, struct choice_command *command)
{
    command->argv = record_texts(record);
    command->environment = record_texts(record);
    command->workdir = record_text(record);
    command->record = *record;
    *record = (struct record){.broken = false};
}

/* False when there is none that is whole. */
static bool load(const struct choice *self, const char *name, struct choice_command *command, bool *hold)
{
    struct record record = {.broken = false};
    if (!record_read(&record, self->settings->directory, name)) {
        if (errno != ENOENT)
            log_errno("cannot read %s/%s", self->settings->directory, name);
        record_free(&record);
        return false;
    }
    read_command(&record, command);
    if (hold != NULL)
        *hold = strcmp(record_text(&command->record), "1") == 0;
    if (!command->record.broken)
        return true;
    log_line("%s/%s is damaged: going on without it", self->settings->directory, name);
    free_command(command);
    return false;
}

static void load_image(struct choice *self)
{
    bool needed = self->settings->image_entrypoint || self->settings->image_cmd;
    if (!record_read(&self->image, self->settings->directory, "image.config")) {
        if (needed)
            log_errno("cannot read what the image would run, %s/image.config", self->settings->directory);
        return;
    }
    self->image_entrypoint = record_texts(&self->image);
    self->image_cmd = record_texts(&self->image);
    self->image_workdir = record_text(&self->image);
    if (self->image.broken)
        log_line("%s/image.config is damaged: going on without it", self->settings->directory);
}

static void keep(const struct choice *self)
{
    char name[RECORD_NAME];
    struct record record = {.broken = false};
    name_record(self, name);
    bool original = is_empty(self->override.argv) && is_empty(self->override.environment) &&
                    (self->override.workdir == NULL || *self->override.workdir == '\0');
    record_add_texts(&record, self->override.argv);
    record_add_texts(&record, self->override.environment);
    record_add_text(&record, self->override.workdir != NULL ? self->override.workdir : "");
    bool kept = original ? record_remove(self->settings->directory, name)
                         : record_write(&record, self->settings->directory, name);
    if (!kept)
        log_errno("cannot keep the command for a restart of the container, in %s/%s", self->settings->directory, name);
    record_free(&record);
}

/* ------------------------------------------------------------ what to start */

static size_t length_of(char *const *list)
{
    size_t length = 0;
    while (list != NULL && list[length] != NULL)
        length++;
    return length;
}

static char **join_lists(char *const *first, char *const *second)
{
    size_t before = length_of(first), after = length_of(second);
    char **joined = calloc(before + after + 1, sizeof *joined);
    for (size_t at = 0; joined != NULL && at < before + after; at++)
        joined[at] = at < before ? first[at] : second[at - before];
    return joined;
}

/* A list to be freed, whose elements are not; null when there is no memory. */
static char **choose(const struct choice *self)
{
    const struct choice_settings *settings = self->settings;
    bool plain = is_plain(self->override.argv);
    if (!is_empty(self->override.argv) && !plain)
        return join_lists(self->override.argv, NULL);
    if (!is_empty(self->base.argv) && !plain)
        return join_lists(self->base.argv, NULL);
    return join_lists(settings->image_entrypoint ? self->image_entrypoint : NULL,
                settings->image_cmd ? self->image_cmd : settings->arguments);
}

static const char *workdir(const struct choice *self)
{
    if (self->override.workdir != NULL && *self->override.workdir != '\0')
        return self->override.workdir;
    return self->base.workdir;
}

struct command choice_start(const struct choice *self, bool has_terminal)
{
    char **argv = choose(self);
    char **added = join_lists(self->base.environment, self->override.environment);
    char **environment = environment_with(added, NULL);
    struct command command = {.code = COMMAND_FAULT};
    struct command_settings settings = {
        .argv = argv, .environment = environment, .workdir = workdir(self), .has_terminal = has_terminal};
    if (environment == NULL)
        log_line("cannot start the command: no memory");
    else if (is_empty(argv))
        log_tell("neither the pod nor the image says what to run");
    else
        command = command_start(&settings);
    free(environment);
    free(added);
    free(argv);
    return command;
}

enum choice_found choice_load(struct choice *self)
{
    char name[RECORD_NAME];
    bool hold = false;
    name_record(self, name);
    load_image(self);
    (void)load(self, "settings", &self->base, &hold);
    if (load(self, name, &self->override, NULL))
        return CHOICE_OVERRIDDEN;
    return hold ? CHOICE_HELD : CHOICE_ORIGINAL;
}

void choice_override(struct choice *self, struct choice_command command)
{
    free_command(&self->override);
    self->override = command;
    keep(self);
}

void choice_free(struct choice *self)
{
    free_command(&self->base);
    free_command(&self->override);
    free(self->image_entrypoint);
    free(self->image_cmd);
    record_free(&self->image);
}
