/* The agent in a container: one static program that needs nothing of the image it runs in. */
#include "arguments.h"
#include "log.h"
#include "roles.h"
#include "session.h"
#include "supervise.h"

#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

/* Gives the exit code: code, or 1 when nobody could be told. */
static int print_usage(int descriptor, int code)
{
    static const char usage[] = ARGUMENTS_USAGE;
    return write(descriptor, usage, strlen(usage)) == (ssize_t)strlen(usage) ? code : 1;
}

int main(int argc, char *argv[])
{
    (void)argc;
    struct arguments arguments = arguments_parse(argv);
    if (arguments.fault.message != NULL) {
        log_line("%s %s", arguments.fault.message, arguments.fault.subject);
        (void)print_usage(STDERR_FILENO, EXIT_USAGE);
        return EXIT_USAGE;
    }
    switch (arguments.wish) {
    case ARGUMENTS_INIT:
        return roles_init(&arguments.exchange, &arguments.redirect, arguments.command);
    case ARGUMENTS_PROXY:
        return roles_proxy(&arguments.exchange, arguments.command, arguments.carrier);
    case ARGUMENTS_AWAIT_PROXY:
        return roles_await_proxy(arguments.admin, arguments.seconds);
    case ARGUMENTS_DRAIN:
        return roles_drain(arguments.admin, arguments.seconds);
    case ARGUMENTS_RUN:
        return session_run(&arguments.session);
    case ARGUMENTS_AWAIT_BUILD:
        return session_await_build(&arguments.session, argv[0]);
    case ARGUMENTS_HELP:
        return print_usage(STDOUT_FILENO, 0);
    default:
        return supervise(&arguments.supervise).code;
    }
}
