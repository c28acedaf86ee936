#include "arguments.h"

#include "values.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, DAY_S = 24 * 60 * 60, HOUR_MS = 60 * 60 * 1000, SHORTEST_RECOVERY_MS = 1000 };
/* The last number of 32 bits is no user. */
#define MOST_UID INT64_C(4294967294)

static const struct arguments_fault none = {NULL, NULL};

static bool parse_restart(const char *text, enum supervise_restart *restart)
{
    static const char *const names[] = {
        [RESTART_NEVER] = "never", [RESTART_ON_FAILURE] = "on-failure", [RESTART_ALWAYS] = "always"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        if (strcmp(text, names[at]) == 0) {
            *restart = (enum supervise_restart)at;
            return true;
        }
    return false;
}

/* Each takes one option. The value is null when the words end with the name. */
typedef struct arguments_fault take_option(const char *name, const char *value, struct arguments *arguments);

static struct arguments_fault refuse(const char *message, const char *subject)
{
    return (struct arguments_fault){message, subject};
}

static struct arguments_fault take_supervise(const char *name, const char *value, struct arguments *arguments)
{
    struct supervise_settings *settings = &arguments->supervise;
    int64_t *number = NULL;
    if (strcmp(name, "--backoff-initial-ms") == 0)
        number = &settings->backoff_initial_ms;
    else if (strcmp(name, "--backoff-max-ms") == 0)
        number = &settings->backoff_max_ms;
    else if (strcmp(name, "--grace-ms") == 0)
        number = &settings->grace_ms;
    else if (strcmp(name, "--restart") != 0)
        return refuse("unknown option", name);

    if (value == NULL)
        return refuse("a value is missing after", name);
    if (number == NULL && !parse_restart(value, &settings->restart))
        return refuse("--restart takes always, on-failure or never, not", value);
    if (number != NULL && !values_number(value, DAY_MS, number))
        return refuse("not a number of milliseconds, up to a day:", value);
    return none;
}

static struct arguments_fault take_fetch(const char *value, struct exchange_settings *settings)
{
    if (settings->count == EXCHANGE_FETCHES)
        return refuse("too many:", "--fetch");
    if (!values_fetch(value, &settings->fetches[settings->count]))
        return refuse("--fetch takes URLPATH=FILE, not", value);
    settings->count++;
    return none;
}

static struct arguments_fault take_exchange(const char *name, const char *value, struct arguments *arguments)
{
    struct exchange_settings *settings = &arguments->exchange;
    const char **text = NULL;
    if (strcmp(name, "--token") == 0)
        text = &settings->token;
    else if (strcmp(name, "--identity") == 0)
        text = &settings->identity;
    else if (strcmp(name, "--socket") == 0)
        text = &settings->socket;
    else if (strcmp(name, "--fetch") != 0)
        return refuse("unknown option", name);

    if (value == NULL)
        return refuse("a value is missing after", name);
    if (text == NULL)
        return take_fetch(value, settings);
    *text = value;
    return none;
}

static struct arguments_fault take_direct(const char *value, struct redirect_settings *settings)
{
    if (settings->direct_count == REDIRECT_DIRECT_PORTS)
        return refuse("too many:", "--direct");
    if (!values_port(value, &settings->direct[settings->direct_count]))
        return refuse("not a port:", value);
    settings->direct_count++;
    return none;
}

static struct arguments_fault take_redirect(const char *name, const char *value, struct redirect_settings *settings)
{
    int64_t uid = 0;
    if (strcmp(name, "--direct") == 0)
        return take_direct(value, settings);
    if (strcmp(name, "--pod-address") == 0)
        settings->pod_address = value;
    else if (strcmp(name, "--host-address") == 0)
        settings->host_address = value;
    else if (strcmp(name, "--uid") == 0 && !values_number(value, MOST_UID, &uid))
        return refuse("not a number of a user:", value);
    else if (strcmp(name, "--uid") == 0) {
        settings->uid = (uint32_t)uid;
        settings->has_uid = true;
    } else if (!values_port_pair(value, &settings->outbound, &settings->inbound))
        return refuse("--redirect takes two different ports OUT:IN, not", value);
    else
        settings->is_wanted = true;
    return none;
}

static bool is_of_redirect(const char *name)
{
    static const char *const names[] = {"--redirect", "--uid", "--pod-address", "--host-address", "--direct"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        if (strcmp(name, names[at]) == 0)
            return true;
    return false;
}

static struct arguments_fault take_init(const char *name, const char *value, struct arguments *arguments)
{
    if (!is_of_redirect(name))
        return take_exchange(name, value, arguments);
    return value == NULL ? refuse("a value is missing after", name) : take_redirect(name, value, &arguments->redirect);
}

static struct arguments_fault take_admin(const char *name, const char *value, struct arguments *arguments)
{
    bool is_admin = strcmp(name, "--admin") == 0;
    if (!is_admin && strcmp(name, "--seconds") != 0)
        return refuse("unknown option", name);
    if (value == NULL)
        return refuse("a value is missing after", name);
    if (is_admin)
        arguments->admin = value;
    else if (!values_number(value, DAY_S, &arguments->seconds))
        return refuse("not a number of seconds, up to a day:", value);
    return none;
}

/* Those that take no value; they are taken off the words before. */
static bool take_flag(const char *name, struct arguments *arguments)
{
    struct choice_settings *settings = &arguments->session.application;
    if (strcmp(name, "--image-entrypoint") == 0)
        settings->image_entrypoint = true;
    else if (strcmp(name, "--image-cmd") == 0)
        settings->image_cmd = true;
    else
        return false;
    return true;
}

static struct arguments_fault take_build(const char *name, const char *value, struct arguments *arguments)
{
    struct session_settings *settings = &arguments->session;
    const char **text = NULL;
    if (strcmp(name, "--session") == 0)
        text = &settings->session;
    else if (strcmp(name, "--directory") == 0)
        text = &settings->application.directory;
    else if (strcmp(name, "--port") != 0)
        return refuse("unknown option", name);

    if (value == NULL)
        return refuse("a value is missing after", name);
    if (text != NULL)
        *text = value;
    else if (!values_port(value, &settings->port))
        return refuse("not a port:", value);
    return none;
}

static struct arguments_fault take_run(const char *name, const char *value, struct arguments *arguments)
{
    struct choice_settings *settings = &arguments->session.application;
    bool is_grace = strcmp(name, "--grace-ms") == 0;
    if (!is_grace && strcmp(name, "--container") != 0)
        return take_build(name, value, arguments);
    if (value == NULL)
        return refuse("a value is missing after", name);
    if (is_grace && !values_number(value, DAY_MS, &settings->grace_ms))
        return refuse("not a number of milliseconds, up to a day:", value);
    if (!is_grace && !values_name(value))
        return refuse("not a container's name:", value);
    if (!is_grace)
        settings->container = value;
    return none;
}

static struct arguments_fault check_supervise(struct arguments *arguments)
{
    struct supervise_settings *settings = &arguments->supervise;
    settings->command = arguments->command;
    settings->recovery_ms =
        settings->backoff_max_ms > SHORTEST_RECOVERY_MS ? settings->backoff_max_ms : SHORTEST_RECOVERY_MS;
    if (settings->backoff_initial_ms < 1)
        return refuse("must be at least 1:", "--backoff-initial-ms");
    if (settings->backoff_max_ms < settings->backoff_initial_ms)
        return refuse("must be at least --backoff-initial-ms:", "--backoff-max-ms");
    return none;
}

static struct arguments_fault check_exchange(struct arguments *arguments)
{
    const struct exchange_settings *settings = &arguments->exchange;
    if (settings->token == NULL)
        return refuse("this is needed:", "--token");
    if (settings->identity == NULL)
        return refuse("this is needed:", "--identity");
    if (settings->socket == NULL)
        return refuse("this is needed:", "--socket");
    if (settings->count == 0)
        return refuse("this is needed:", "--fetch");
    return none;
}

static struct arguments_fault check_init(struct arguments *arguments)
{
    const struct redirect_settings *settings = &arguments->redirect;
    bool has_some = settings->has_uid || settings->pod_address != NULL || settings->host_address != NULL ||
                    settings->direct_count > 0;
    bool has_all = settings->has_uid && settings->pod_address != NULL && settings->host_address != NULL;
    if (settings->is_wanted ? !has_all : has_some)
        return refuse("these belong together:", "--redirect, --uid, --pod-address and --host-address");
    return check_exchange(arguments);
}

static struct arguments_fault check_admin(struct arguments *arguments)
{
    return arguments->admin == NULL ? refuse("this is needed:", "--admin") : none;
}

static struct arguments_fault check_build(struct arguments *arguments)
{
    const struct session_settings *settings = &arguments->session;
    if (settings->port == 0)
        return refuse("this is needed:", "--port");
    if (settings->session == NULL)
        return refuse("this is needed:", "--session");
    if (settings->application.directory == NULL)
        return refuse("this is needed:", "--directory");
    return none;
}

static struct arguments_fault check_run(struct arguments *arguments)
{
    struct choice_settings *settings = &arguments->session.application;
    settings->arguments = arguments->command;
    if (settings->container == NULL)
        return refuse("this is needed:", "--container");
    if (*settings->arguments != NULL && settings->image_cmd)
        return refuse("no arguments belong beside", "--image-cmd");
    if (*settings->arguments == NULL && !settings->image_entrypoint && !settings->image_cmd)
        return refuse("a command is missing after", "--");
    return check_build(arguments);
}

enum has_command { WITHOUT_COMMAND, WITH_COMMAND, MAYBE_COMMAND };

struct word {
    const char *name;
    enum arguments_wish wish;
    take_option *take;
    struct arguments_fault (*check)(struct arguments *arguments);
    enum has_command has_command;
    int64_t seconds; /* unless others are given */
};

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Of two commands with a word between them. */
static struct arguments_fault split_commands(char *words[], struct arguments *arguments)
{
    for (char **word = words; *word != NULL; word++)
        if (strcmp(*word, "--") == 0) {
            if (word == words || word[1] == NULL)
                return refuse("a command is missing beside", *word);
            *word = NULL;
            arguments->carrier = word + 1;
            return none;
        }
    return none;
}

static struct arguments_fault parse_words(const struct word *word, char *words[], struct arguments *arguments)
{
    while (*words != NULL && strcmp(*words, "--") != 0) {
        if (is_help(*words)) {
            arguments->wish = ARGUMENTS_HELP;
            return none;
        }
        if (word->wish == ARGUMENTS_RUN && take_flag(*words, arguments)) {
            words++;
            continue;
        }
        struct arguments_fault fault = word->take(words[0], words[1], arguments);
        if (fault.message != NULL)
            return fault;
        words += 2;
    }
    if (word->has_command != WITHOUT_COMMAND && *words == NULL)
        return refuse("a command is missing: it comes after", "--");
    if (word->has_command == WITH_COMMAND && words[1] == NULL)
        return refuse("a command is missing after", "--");
    if (word->has_command == WITHOUT_COMMAND && *words != NULL)
        return refuse("no command belongs here:", *words);
    arguments->command = words + 1;
    struct arguments_fault fault = word->wish == ARGUMENTS_PROXY ? split_commands(words + 1, arguments) : none;
    return fault.message != NULL ? fault : word->check(arguments);
}

struct arguments arguments_parse(char *argv[])
{
    static const struct word words[] = {
        {"supervise", ARGUMENTS_SUPERVISE, take_supervise, check_supervise, WITH_COMMAND, 0},
        {"init", ARGUMENTS_INIT, take_init, check_init, WITH_COMMAND, 0},
        {"proxy", ARGUMENTS_PROXY, take_exchange, check_exchange, WITH_COMMAND, 0},
        {"await-proxy", ARGUMENTS_AWAIT_PROXY, take_admin, check_admin, WITHOUT_COMMAND, 60},
        {"drain", ARGUMENTS_DRAIN, take_admin, check_admin, WITHOUT_COMMAND, 0},
        {"run", ARGUMENTS_RUN, take_run, check_run, MAYBE_COMMAND, 0},
        {"await-build", ARGUMENTS_AWAIT_BUILD, take_build, check_build, WITHOUT_COMMAND, 0},
    };
    struct arguments arguments = {
        .supervise = {.backoff_initial_ms = 100, .backoff_max_ms = 10000, .grace_ms = 10000},
        .session = {.application = {.grace_ms = HOUR_MS}},
    };
    /* argv may be entirely empty: execve(2) allows it. */
    if (argv[0] == NULL || argv[1] == NULL) {
        arguments.fault = refuse("what to do is missing:", "supervise, init, proxy, await-proxy, drain, run or await-build");
        return arguments;
    }
    if (is_help(argv[1])) {
        arguments.wish = ARGUMENTS_HELP;
        return arguments;
    }
    for (size_t at = 0; at < sizeof words / sizeof *words; at++)
        if (strcmp(argv[1], words[at].name) == 0) {
            arguments.wish = words[at].wish;
            arguments.seconds = words[at].seconds;
            arguments.fault = parse_words(&words[at], argv + 2, &arguments);
            return arguments;
        }
    arguments.fault = refuse("not something to do:", argv[1]);
    return arguments;
}
