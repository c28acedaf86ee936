/* Says who answers: GET / as JSON. GET /static/NAME gives a file as it is now. */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define VERSION "v1"
enum { LARGEST = 65536, PATIENCE_S = 5, MOST_WAITING = 128 };

static double started;
static volatile sig_atomic_t ending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int busy;

static void end(int number)
{
    (void)number;
    ending = 1;
}

static void answer(int client, const char *status, const char *kind, const char *body, size_t length)
{
    dprintf(client, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
            kind, length);
    while (length > 0) {
        ssize_t sent = write(client, body, length);
        if (sent <= 0)
            return;
        body += sent;
        length -= (size_t)sent;
    }
}

static void answer_file(int client, const char *name)
{
    char path[300], body[LARGEST];
    snprintf(path, sizeof path, "static/%s", name);
    FILE *file = *name == '\0' || strchr(name, '/') != NULL || *name == '.' ? NULL : fopen(path, "rb");
    if (file == NULL) {
        answer(client, "404 Not Found", "text/plain", "not found\n", 10);
        return;
    }
    size_t length = fread(body, 1, sizeof body, file);
    fclose(file);
    answer(client, "200 OK", "text/html; charset=utf-8", body, length);
}

static void *serve(void *argument)
{
    int client = (int)(long)argument;
    char request[LARGEST] = "", path[256] = "";
    size_t length = 0;
    while (length < sizeof request - 1 && strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = read(client, request + length, sizeof request - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
        request[length] = '\0';
    }
    if (sscanf(request, "%*15s %255s", path) == 1) {
        if (strcmp(path, "/") == 0) {
            char who[200];
            int size = snprintf(who, sizeof who, "{\"service\": \"c\", \"version\": \"%s\", \"pid\": %d, \"started\": %.3f}",
                                VERSION, (int)getpid(), started);
            answer(client, "200 OK", "application/json", who, (size_t)size);
        } else {
            answer_file(client, strncmp(path, "/static/", 8) == 0 ? path + 8 : "");
        }
        printf("GET %s\n", path);
    }
    close(client);
    pthread_mutex_lock(&lock);
    busy--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Takes one connection, if one waits. */
static int take(int listener)
{
    int client = accept(listener, NULL, NULL);
    if (client < 0)
        return 0;
    struct timeval patience = {PATIENCE_S, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    pthread_mutex_lock(&lock);
    busy++;
    pthread_mutex_unlock(&lock);
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(long)client) == 0)
        pthread_detach(thread);
    else
        serve((void *)(long)client);
    return 1;
}

static int listen_on(int port)
{
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;
    struct sockaddr_in6 every = {.sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(listener, (struct sockaddr *)&every, sizeof every) < 0) {
        /* A machine without IPv6. */
        struct sockaddr_in older = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
        close(listener);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener, (struct sockaddr *)&older, sizeof older) < 0)
            return -1;
    }
    return listen(listener, MOST_WAITING) < 0 ? -1 : listener;
}

int main(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    started = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    /* The signal comes while ppoll waits, and at no other time: none is missed. */
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);

    const char *given = getenv("PORT");
    int port = given != NULL ? atoi(given) : 8080, listener = listen_on(port);
    if (listener < 0) {
        perror("cannot listen");
        return 1;
    }
    printf("c %s listens on %d\n", VERSION, port);
    struct pollfd polled = {.fd = listener, .events = POLLIN};
    while (!ending)
        if (ppoll(&polled, 1, NULL, &waiting) > 0)
            take(listener);
    /* Who waits already does not know of the end, and is answered. */
    for (int taken = 0; taken < MOST_WAITING && take(listener); taken++)
        ;
    close(listener);
    pthread_mutex_lock(&lock);
    while (busy > 0)
        pthread_cond_wait(&changed, &lock);
    puts("c ends");
    return 0;
}
