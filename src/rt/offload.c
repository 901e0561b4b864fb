/* offload.c - work that blocks, on threads of its own.  See offload.h.
 * SPDX-License-Identifier: MIT
 */
#include "rt/offload.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "base/alloc.h"
#include "rt/loop.h"

#define STACK_SIZE ((size_t)1 << 20)
#define DEFAULT_MAX 4 /* threads */
#define NS_PER_S UINT64_C(1000000000)

struct thread {
    struct atl_offload *pool;
    pthread_t id;
    unsigned number;
    bool ended; /* under the lock: it touches nothing of the pool's any more */
};

struct atl_offload {
    struct atl_offload_options options;
    struct atl_loop *loop;
    atomic_uint refs; /* the owner, the handle, each thread */
    uv_async_t async; /* something is in `finished`, or room is to be given */

    pthread_mutex_t lock;
    pthread_cond_t work;  /* something is in `queue`, or `closed` */
    pthread_cond_t ended; /* a thread has */
    /* Under the lock: */
    struct atl_link queue;    /* jobs, in the order of their start */
    struct atl_link finished; /* jobs, on their way back to the loop */
    unsigned queued, running, live;
    bool closed;

    /* The loop's thread only: */
    struct atl_link turns;
    unsigned turn_count;
    unsigned wanted; /* jobs that were not cancelled, and turns */
    unsigned count;  /* threads ever started */
    bool granting;   /* a turn may submit one job */
    struct thread threads[ATL_OFFLOAD_MAX_THREADS];
};

/* --- the end of a pool --- */

static void
unref(struct atl_offload *pool)
{
    if (atomic_fetch_sub(&pool->refs, 1) != 1)
        return;
    pthread_cond_destroy(&pool->ended);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    atl_free(pool);
}

static void
on_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

static void
drop_all(struct atl_link *jobs)
{
    struct atl_link *link;

    while ((link = atl_list_pop(jobs)) != NULL) {
        struct atl_job *job = ATL_OWNER(link, struct atl_job, link);

        job->pool = NULL;
        job->ops->drop(job);
    }
}

/* --- on a thread --- */

/* Run `job`, and bring it back. */
static void
run(struct atl_offload *pool, struct atl_job *job, void *local)
{
    bool closed, first;

    job->ops->run(job, local);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    closed = pool->closed;
    if (closed) {
        pthread_cond_signal(&pool->ended);
    } else {
        first = atl_list_is_empty(&pool->finished);
        atl_list_push(&pool->finished, &job->link);
        if (first) /* under the lock: the handle isn't closed meanwhile */
            uv_async_send(&pool->async);
    }
    pthread_mutex_unlock(&pool->lock);
    if (closed)
        job->ops->drop(job);
}

/* Wait for a job; NULL: the pool is closed. */
static struct atl_job *
take(struct atl_offload *pool)
{
    struct atl_job *job = NULL;

    pthread_mutex_lock(&pool->lock);
    while (atl_list_is_empty(&pool->queue) && !pool->closed)
        pthread_cond_wait(&pool->work, &pool->lock);
    if (!pool->closed) {
        job = ATL_OWNER(atl_list_pop(&pool->queue), struct atl_job, link);
        job->queued = false;
        pool->queued--;
        pool->running++;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *
thread_main(void *arg)
{
    struct thread *thread = arg;
    struct atl_offload *pool = thread->pool;
    const struct atl_offload_options *o = &pool->options;
    struct atl_job *job;
    void *local = NULL;
    bool is_open = false;

    pthread_setname_np(pthread_self(), o->name);
    while ((job = take(pool)) != NULL) {
        if (!is_open && o->open != NULL)
            local = o->open(o->data, thread->number);
        is_open = true;
        run(pool, job, local);
    }
    if (is_open && o->close != NULL)
        o->close(local);
    pthread_mutex_lock(&pool->lock);
    thread->ended = true;
    pool->live--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    unref(pool);
    return NULL;
}

/* Start one more, which takes no signal of the process. */
static int
start_thread(struct atl_offload *pool)
{
    struct thread *thread = &pool->threads[pool->count];
    size_t size = pool->options.stack_size;
    sigset_t all, old;
    pthread_attr_t attr;
    int err;

    thread->pool = pool;
    thread->number = pool->count + 1;
    if ((err = pthread_attr_init(&attr)) != 0)
        return -err;
    pthread_attr_setstacksize(&attr, size > 0 ? size : STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    atomic_fetch_add(&pool->refs, 1);
    err = pthread_create(&thread->id, &attr, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (err != 0) {
        atomic_fetch_sub(&pool->refs, 1);
        return -err;
    }
    pool->count++;
    pool->live++;
    return 0;
}

/* --- on the loop's thread --- */

/* The loop is alive while somebody waits. */
static void
want(struct atl_offload *pool, int change)
{
    if (pool->wanted == 0)
        uv_ref((uv_handle_t *)&pool->async);
    pool->wanted += (unsigned)change;
    pool->loop->in_flight += (unsigned)change; /* no clock jumps meanwhile */
    if (pool->wanted == 0)
        uv_unref((uv_handle_t *)&pool->async);
}

/* Under the lock.  A thread without a job is room for one too. */
static bool
has_room(const struct atl_offload *pool)
{
    return pool->queued + pool->running <
           pool->options.threads + pool->options.max_queued;
}

/* Give room to those who stand in line. */
static void
give_room(struct atl_offload *pool)
{
    bool room = true;

    while (room && !atl_list_is_empty(&pool->turns)) {
        pthread_mutex_lock(&pool->lock);
        room = has_room(pool);
        pthread_mutex_unlock(&pool->lock);
        if (room) {
            struct atl_turn *turn =
                ATL_OWNER(pool->turns.next, struct atl_turn, link);

            atl_offload_leave_turn(pool, turn);
            pool->granting = true;
            turn->fn(turn);
            pool->granting = false;
        }
    }
}

static void
on_async(uv_async_t *async)
{
    struct atl_offload *pool = async->data;
    struct atl_link finished, *link;

    atl_loop_woken(async->loop);
    atl_list_init(&finished);
    pthread_mutex_lock(&pool->lock);
    atl_list_splice(&finished, &pool->finished);
    pthread_mutex_unlock(&pool->lock);
    while ((link = atl_list_pop(&finished)) != NULL) {
        struct atl_job *job = ATL_OWNER(link, struct atl_job, link);

        job->pool = NULL;
        if (job->cancelled) {
            job->ops->drop(job);
        } else {
            want(pool, -1);
            job->ops->done(job);
        }
    }
    give_room(pool);
}

unsigned
atl_offload_default_threads(void)
{
    unsigned cores = uv_available_parallelism();

    return cores < DEFAULT_MAX ? cores : DEFAULT_MAX;
}

int
atl_offload_open(struct atl_offload **pool_out, struct atl_loop *loop,
                 const struct atl_offload_options *options)
{
    struct atl_offload *pool = atl_calloc(1, sizeof(*pool));
    pthread_condattr_t attr;
    int err;

    assert(options->threads >= 1 &&
           options->threads <= ATL_OFFLOAD_MAX_THREADS);
    pool->options = *options;
    pool->loop = loop;
    if ((err = uv_async_init(&loop->uv, &pool->async, on_async)) != 0) {
        atl_free(pool);
        return err;
    }
    pool->async.data = pool;
    uv_unref((uv_handle_t *)&pool->async);
    atomic_init(&pool->refs, 2);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->ended, &attr);
    pthread_condattr_destroy(&attr);
    atl_list_init(&pool->queue);
    atl_list_init(&pool->finished);
    atl_list_init(&pool->turns);
    *pool_out = pool;
    return 0;
}

/*
 * Under the lock: until all threads have ended, or one still has a job at
 * `due_ns`.  Those without one need no time.
 */
static void
wait_for_threads(struct atl_offload *pool, uint64_t due_ns)
{
    struct timespec due = {(time_t)(due_ns / NS_PER_S),
                           (long)(due_ns % NS_PER_S)};

    while (pool->live > 0) {
        if (pool->running == 0)
            pthread_cond_wait(&pool->ended, &pool->lock);
        else if (pthread_cond_timedwait(&pool->ended, &pool->lock, &due) ==
                 ETIMEDOUT)
            return;
    }
}

/* Nothing runs any more, or all that does is left to itself. */
static void
leave_threads(struct atl_offload *pool)
{
    unsigned i;

    for (i = 0; i < pool->count; i++) {
        bool ended;

        pthread_mutex_lock(&pool->lock);
        ended = pool->threads[i].ended;
        pthread_mutex_unlock(&pool->lock);
        if (ended)
            pthread_join(pool->threads[i].id, NULL);
        else
            pthread_detach(pool->threads[i].id);
    }
}

unsigned
atl_offload_close(struct atl_offload *pool, uint64_t due_ns)
{
    struct atl_link left;
    unsigned running;

    atl_list_init(&left);
    while (atl_list_pop(&pool->turns) != NULL)
        ;
    pool->loop->in_flight -= pool->wanted;
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pool->queued = 0;
    atl_list_splice(&left, &pool->queue);
    atl_list_splice(&left, &pool->finished);
    pthread_cond_broadcast(&pool->work);
    wait_for_threads(pool, due_ns);
    running = pool->running;
    pthread_mutex_unlock(&pool->lock);
    leave_threads(pool);
    drop_all(&left);
    uv_close((uv_handle_t *)&pool->async, on_closed);
    unref(pool);
    return running;
}

/* Under the lock: hand `job` to the threads.  Starts one if all are busy. */
static int
enqueue(struct atl_offload *pool, struct atl_job *job)
{
    int err = 0;

    if (!has_room(pool))
        return UV_EAGAIN;
    if (pool->queued + pool->running >= pool->live &&
        pool->live < pool->options.threads)
        err = start_thread(pool);
    if (err != 0 && pool->live == 0)
        return err;
    job->queued = true;
    pool->queued++;
    atl_list_push(&pool->queue, &job->link);
    pthread_cond_signal(&pool->work);
    return 0;
}

int
atl_offload_submit(struct atl_offload *pool, struct atl_job *job)
{
    int err = UV_EAGAIN;

    job->pool = pool;
    job->cancelled = false;
    atl_list_init(&job->link);
    if (pool->granting || atl_list_is_empty(&pool->turns)) {
        pool->granting = false;
        pthread_mutex_lock(&pool->lock);
        err = enqueue(pool, job);
        pthread_mutex_unlock(&pool->lock);
    }
    if (err == 0)
        want(pool, 1);
    else
        job->pool = NULL;
    return err;
}

bool
atl_offload_has_room(struct atl_offload *pool)
{
    bool room = pool->granting || atl_list_is_empty(&pool->turns);

    pthread_mutex_lock(&pool->lock);
    room = room && has_room(pool);
    pthread_mutex_unlock(&pool->lock);
    return room;
}

void
atl_offload_cancel(struct atl_job *job)
{
    struct atl_offload *pool = job->pool;
    bool queued;

    assert(pool != NULL && !job->cancelled);
    job->cancelled = true;
    want(pool, -1);
    pthread_mutex_lock(&pool->lock);
    queued = job->queued;
    if (queued) {
        atl_list_remove(&job->link);
        pool->queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!queued)
        return;
    job->pool = NULL;
    job->ops->drop(job);
    if (!atl_list_is_empty(&pool->turns))
        uv_async_send(&pool->async); /* there is room */
}

void
atl_offload_take_turn(struct atl_offload *pool, struct atl_turn *turn)
{
    atl_list_push(&pool->turns, &turn->link);
    pool->turn_count++;
    want(pool, 1);
}

void
atl_offload_leave_turn(struct atl_offload *pool, struct atl_turn *turn)
{
    atl_list_remove(&turn->link);
    pool->turn_count--;
    want(pool, -1);
}

void
atl_offload_count(struct atl_offload *pool, struct atl_offload_counts *out)
{
    pthread_mutex_lock(&pool->lock);
    *out = (struct atl_offload_counts){pool->count, pool->running, pool->queued,
                                       pool->turn_count};
    pthread_mutex_unlock(&pool->lock);
}
