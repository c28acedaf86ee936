#include "command.h"

#include "log.h"
#include "signals.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usual_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Says why the kernel refused a path, and gives the exit code for it. */
static int refused(const char *path, int error)
{
    switch (error) {
    case ENOENT:
        /* When it is there, what is missing is what would run it: another C library's loader, or "#!". */
        if (faccessat(AT_FDCWD, path, F_OK, 0) == 0)
            log_line("cannot start %s: the interpreter or loader that it names does not exist", path);
        else
            log_line("cannot start %s: no such file", path);
        return COMMAND_NOT_FOUND;
    case ENOTDIR:
        log_line("cannot start %s: no such file", path);
        return COMMAND_NOT_FOUND;
    case EACCES:
        log_line("cannot start %s: not an executable file, or a directory above it is closed to us", path);
        return COMMAND_NOT_EXECUTABLE;
    case ENOEXEC:
        log_line("cannot start %s: neither a program of this machine's kind nor a script with #!", path);
        return COMMAND_NOT_EXECUTABLE;
    default:
        errno = error;
        log_errno("cannot start %s", path);
        return COMMAND_NOT_EXECUTABLE;
    }
}

/* Returns errno. Signals are let in here only: one during a message could end us in its midst. */
static int try_execute(const char *path, char *const argv[])
{
    signals_unblock();
    (void)execv(path, argv);
    int error = errno;
    signals_block();
    return error;
}

/* Whether another place may still have the program, as shells see it. */
static bool is_worth_searching_on(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES;
}

/*
 * The C library's execvp would do, but for three things: glibc's hands a file of an unknown format to a
 * shell, none says which file it was, and none tells a missing program from a missing interpreter.
 */
static int execute_from_path(char *const argv[])
{
    char candidate[PATH_MAX];
    char found[PATH_MAX] = ""; /* the first that is there, though it cannot be executed */
    int found_error = 0;
    const char *path = getenv("PATH");
    if (path == NULL)
        path = usual_path;
    for (const char *place = path; place != NULL; place = strchr(place, ':')) {
        place += place != path; /* over the colon */
        int length = (int)strnlen(place, PATH_MAX);
        if (memchr(place, ':', (size_t)length) != NULL)
            length = (int)strcspn(place, ":");
        /* An empty place is the working directory. */
        int written = snprintf(candidate, sizeof candidate, "%.*s/%s", length > 0 ? length : 1,
                               length > 0 ? place : ".", argv[0]);
        if (written < 0 || (size_t)written >= sizeof candidate)
            continue;
        int error = try_execute(candidate, argv);
        if (!is_worth_searching_on(error))
            return refused(candidate, error);
        if (*found == '\0' && faccessat(AT_FDCWD, candidate, F_OK, 0) == 0) {
            (void)snprintf(found, sizeof found, "%s", candidate);
            found_error = error;
        }
    }
    if (*found != '\0')
        return refused(found, found_error);
    log_line("cannot start %s: not found in PATH (%s)", argv[0], path);
    return COMMAND_NOT_FOUND;
}

/* Gives the exit code of a child that could not become the program. */
static int execute(char *const argv[])
{
    if (*argv[0] == '\0') {
        log_line("cannot start the command: its name is empty");
        return COMMAND_NOT_FOUND;
    }
    if (strchr(argv[0], '/') == NULL)
        return execute_from_path(argv);
    return refused(argv[0], try_execute(argv[0], argv));
}

/* Gives 0, or an exit code. */
static int prepare(const struct command_settings *settings)
{
    for (int number = STDIN_FILENO; settings->streams != NULL && number <= STDERR_FILENO; number++)
        if (dup2(settings->streams[number], number) < 0) {
            log_errno("cannot set up a stream");
            return COMMAND_FAULT;
        }
    if (settings->environment != NULL)
        environ = (char **)(uintptr_t)settings->environment;
    if (settings->workdir != NULL && *settings->workdir != '\0' && chdir(settings->workdir) != 0) {
        log_errno("cannot start %s in %s", settings->argv[0], settings->workdir);
        return COMMAND_NOT_EXECUTABLE;
    }
    return 0;
}

static _Noreturn void become_command(const struct command_settings *settings, int report)
{
    if (setpgid(0, 0) != 0)
        log_errno("cannot make a process group");
    if (settings->has_terminal)
        terminal_give_to(getpid());
    signals_by_default();
    int code = prepare(settings);
    if (code == 0)
        code = execute(settings->argv);
    unsigned char byte = (unsigned char)code;
    if (write(report, &byte, sizeof byte) < 0)
        log_errno("cannot report to the supervisor");
    _exit(code);
}

static struct command fault(const char *what)
{
    log_errno("cannot start a process: %s", what);
    return (struct command){.code = COMMAND_FAULT};
}

/* The report's writing end closes when the kernel executes the program: nothing to read is success. */
static struct command await_execution(pid_t process, int report)
{
    unsigned char code;
    ssize_t length;
    do
        length = read(report, &code, sizeof code);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
        return (struct command){.process = process};
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        continue;
    return (struct command){.code = code};
}

struct command command_start(const struct command_settings *settings)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return fault("pipe");
    pid_t process = fork();
    if (process == 0)
        become_command(settings, report[1]);
    if (process < 0) {
        struct command failed = fault("fork");
        (void)close(report[0]);
        (void)close(report[1]);
        return failed;
    }
    (void)close(report[1]);
    struct command command = await_execution(process, report[0]);
    (void)close(report[0]);
    return command;
}
