/* request.c - one request's head.  See request.h.
 * SPDX-License-Identifier: MIT
 */
#include "http/request.h"

bool
atl_request_find(const struct atl_request *r, struct atl_str name,
                 struct atl_str *value_out)
{
    uint16_t i;

    for (i = 0; i < r->field_count; i++) {
        const struct atl_field *f = &r->fields[i];

        if (atl_str_eq(atl_request_str(r, f->name), name)) {
            *value_out = atl_request_str(r, f->value);
            return true;
        }
    }
    return false;
}
