/* list.h - intrusive circular doubly linked list; all operations are O(1).
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. A list's head is a link that belongs to no element.
 * 2. A link is in one list at most; one that is in none points to itself, so
 *    removing it again is harmless.
 */
#ifndef ATL_BASE_LIST_H
#define ATL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct atl_link {
    struct atl_link *next;
    struct atl_link *prev;
};

/* The struct of type `type` whose member `member` is `*ptr`. */
#define ATL_OWNER(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void
atl_list_init(struct atl_link *head)
{
    head->next = head->prev = head;
}

static inline bool
atl_list_is_empty(const struct atl_link *head)
{
    return head->next == head;
}

/* Insert `link` before `where`; with the head as `where`: at the end. */
static inline void
atl_list_insert(struct atl_link *where, struct atl_link *link)
{
    link->next = where;
    link->prev = where->prev;
    where->prev->next = link;
    where->prev = link;
}

static inline void
atl_list_push(struct atl_link *head, struct atl_link *link)
{
    atl_list_insert(head, link);
}

static inline void
atl_list_push_front(struct atl_link *head, struct atl_link *link)
{
    atl_list_insert(head->next, link);
}

static inline void
atl_list_remove(struct atl_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

/* Take the first link out, or NULL if the list is empty. */
static inline struct atl_link *
atl_list_pop(struct atl_link *head)
{
    struct atl_link *link = head->next;

    if (link == head)
        return NULL;
    atl_list_remove(link);
    return link;
}

/* Move all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void
atl_list_splice(struct atl_link *to, struct atl_link *from)
{
    if (atl_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    atl_list_init(from);
}

#endif
