/* h1_fields.h - what the server reads of a head's fields; for h1_parse.c.
 * SPDX-License-Identifier: MIT
 *
 * Laws:
 * 1. What one line alone shows to be wrong is refused at that line, in the
 *    order of the lines; what needs all of them at the blank line.
 * 2. h->flags is only used here.
 */
#ifndef ATL_HTTP_H1_FIELDS_H
#define ATL_HTTP_H1_FIELDS_H

#include "http/h1_parse.h"

static inline enum atl_h1_verdict
atl_h1_fields_refuse(struct atl_h1_head *h, uint16_t status, const char *reason)
{
    h->status = status;
    h->reason = reason;
    return ATL_H1_REFUSE;
}

/*
 * Note what the field *f says, whose id is not ATL_FIELD_OTHER; it is the
 * newest of r->fields, and r->base is set.  ATL_H1_DONE, or ATL_H1_REFUSE.
 */
enum atl_h1_verdict atl_h1_fields_take(struct atl_h1_head *h,
                                       struct atl_request *r,
                                       struct atl_field *f);

/*
 * All fields are there: check them together and fill in *r's framing and its
 * flags.  ATL_H1_DONE, or ATL_H1_REFUSE.
 */
enum atl_h1_verdict atl_h1_fields_finish(struct atl_h1_head *h,
                                         struct atl_request *r);

#endif
