/* list_test.c - the intrusive list.
 * SPDX-License-Identifier: MIT
 */
#include "base/list.h"

#include "unit/test.h"

struct item {
    char name;
    struct atl_link link;
};

static struct item a, b, c, d;

/* Name the items, which are in no list. */
static void
reset_items(void)
{
    struct item *items[] = {&a, &b, &c, &d};
    int i;

    for (i = 0; i < 4; i++) {
        items[i]->name = (char)('a' + i);
        atl_list_init(&items[i]->link);
    }
}

/* The items' names in order, read forwards; backwards they are the same. */
static const char *
names(const struct atl_link *head)
{
    static char text[8];
    const struct atl_link *link;
    int n = 0, back;

    for (link = head->next; link != head; link = link->next)
        text[n++] = ATL_OWNER(link, struct item, link)->name;
    text[n] = '\0';
    back = n;
    for (link = head->prev; link != head; link = link->prev)
        if (text[--back] != ATL_OWNER(link, struct item, link)->name)
            return "prev and next differ";
    return back == 0 ? text : "prev and next differ";
}

static void
push_abc(struct atl_link *head)
{
    reset_items();
    atl_list_init(head);
    atl_list_push(head, &a.link);
    atl_list_push(head, &b.link);
    atl_list_push(head, &c.link);
}

TEST(a_new_list_is_empty)
{
    struct atl_link head;

    atl_list_init(&head);
    CHECK(atl_list_is_empty(&head));
    CHECK(atl_list_pop(&head) == NULL);
}

TEST(pushed_links_pop_in_order)
{
    struct atl_link head;

    push_abc(&head);
    CHECK(!atl_list_is_empty(&head));
    CHECK_STR(names(&head), "abc");
    CHECK(atl_list_pop(&head) == &a.link);
    CHECK(atl_list_pop(&head) == &b.link);
    CHECK(atl_list_pop(&head) == &c.link);
    CHECK(atl_list_pop(&head) == NULL);
}

TEST(push_front_puts_before_the_first)
{
    struct atl_link head;

    push_abc(&head);
    atl_list_push_front(&head, &d.link);
    CHECK_STR(names(&head), "dabc");
}

TEST(insert_puts_before_the_given_link)
{
    struct atl_link head;

    push_abc(&head);
    atl_list_insert(&c.link, &d.link);
    CHECK_STR(names(&head), "abdc");
}

TEST(remove_takes_out_only_its_link)
{
    struct atl_link head;

    push_abc(&head);
    atl_list_remove(&b.link);
    CHECK_STR(names(&head), "ac");
    atl_list_remove(&a.link);
    CHECK_STR(names(&head), "c");
    atl_list_remove(&c.link);
    CHECK(atl_list_is_empty(&head));
}

TEST(removing_twice_is_harmless)
{
    struct atl_link head;

    push_abc(&head);
    atl_list_remove(&b.link);
    atl_list_remove(&b.link);
    CHECK_STR(names(&head), "ac");
}

TEST(a_popped_link_can_be_removed_and_pushed_again)
{
    struct atl_link head;

    push_abc(&head);
    atl_list_remove(atl_list_pop(&head));
    atl_list_push(&head, &a.link);
    CHECK_STR(names(&head), "bca");
}

TEST(splice_moves_all_to_the_end)
{
    struct atl_link head, other;

    push_abc(&head);
    atl_list_init(&other);
    atl_list_push(&other, &d.link);
    atl_list_splice(&other, &head);
    CHECK_STR(names(&other), "dabc");
    CHECK(atl_list_is_empty(&head));
}

TEST(splice_of_or_into_an_empty_list_is_right)
{
    struct atl_link head, other;

    push_abc(&head);
    atl_list_init(&other);
    atl_list_splice(&head, &other);
    CHECK_STR(names(&head), "abc");
    atl_list_splice(&other, &head);
    CHECK_STR(names(&other), "abc");
    CHECK(atl_list_is_empty(&head));
}

TEST(owner_is_the_struct_around_the_link)
{
    CHECK(ATL_OWNER(&b.link, struct item, link) == &b);
}
