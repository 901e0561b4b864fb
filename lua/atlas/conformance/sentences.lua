-- sentences.lua - LASGI, sentence by sentence, and the checks that prove each.
--
-- A row: the sentence as docs/design/lasgi.md has it, and the names of its
-- checks: `app`, of an application (application/checks.lua), and `server`, of a
-- server (server/*.lua, FILE.CHECK).  `server_why` tells why something
-- of it can't be seen from outside.  A row without checks and
-- without a reason explains and obliges nobody.

local OF_THE_PROCESS = "seen only by whoever starts and stops the server"
local IN_THE_LOG = "the log is the server's own"

return {
{ section = "LASGI",
  { "LASGI is the contract between a server and a Lua application, modelled on Python's ASGI 3.0 "
    .. "(HTTP and WebSocket message format 2.3) and made to fit Lua: no `async`/`await`, because "
    .. "every call may suspend the task it runs in." },
  { "An application written to this page runs on any server that implements it." },
},

{ section = "Application",
  { "The server calls the application once for each HTTP request, WebSocket connection, and once "
    .. "for the lifespan, each in a task (coroutine) of its own.",
    server = "scope.one_call_a_request scope.several_requests_of_a_connection_are_several_calls "
      .. "websocket.one_call_a_websocket lifespan.one_call_for_the_lifespan" },
  { "`receive` and `send` look synchronous: they suspend the task, never the event loop, and may "
    .. "be called from any task that the application starts.",
    app = "two_requests_at_a_time",
    server = "scope.a_request_that_waits_keeps_nobody_waiting "
      .. "scope.spawned_tasks_may_receive_and_send" },
  { "An error that leaves the application is logged with its traceback;", server_why = IN_THE_LOG },
  { "if no response has started, the client gets 500, otherwise the connection (HTTP/2: the "
    .. "stream) is closed so that the client can tell that the response is cut short.",
    app = "every_request_gets_a_whole_response",
    server = "send.an_error_before_the_start_is_500 "
      .. "send.an_error_inside_the_body_cuts_the_response "
      .. "send.an_error_behind_the_response_changes_nothing "
      .. "http2.a_response_that_is_cut_resets_its_stream" },
  { "Every message is a table with a `type`.",
    app = "messages_are_tables",
    server = "receive.a_body_of_no_bytes" },
  { "Keys and types follow ASGI; a byte string is a Lua string;",
    app = "bodies_are_strings flags_are_booleans",
    server = "receive.a_body_comes_byte_for_byte send.bad_bodies_raise" },
  { "a list of headers is an array of `{name, value}` pairs, in the order of the wire, names in "
    .. "lower case, repeated names kept apart.",
    app = "headers_are_pairs names_are_lower_case",
    server = "scope.headers_are_pairs_in_order send.status_headers_and_body_go_out" },
  { "Unknown keys are ignored;",
    app = "unknown_keys_change_nothing",
    server = "send.unknown_keys_are_ignored" },
  { "an unknown `type`, or one that is not allowed in this state, raises an error that names it.",
    app = "types_are_known messages_in_order a_scope_of_an_unknown_type_ends",
    server = "send.unknown_types_raise send.messages_out_of_order_raise websocket.misuse_raises "
      .. "lifespan.unknown_types_raise lifespan.messages_out_of_order_raise" },
},

{ section = "HTTP scope",
  { "`scope` is a table in use: `scope.path`, and `pairs(scope)` yields every key on both VMs, so "
    .. "a middleware can copy it.",
    server = "scope.every_field_can_be_read_and_listed" },
  { "A server may compute fields when they are first read." },
  { "An application and its middleware may set fields; what is set is what the next layer reads.",
    server = "scope.what_is_set_is_what_is_read" },
  { "key value" },
  { '`type` `"http"`', server = "scope.type_is_http" },
  { '`lasgi` `{version = "1.0", spec_version = "1.0"}`', server = "scope.the_version_of_lasgi" },
  { '`asgi` `{version = "3.0", spec_version = "2.3"}`, the ASGI version that this page follows',
    server = "scope.the_version_of_asgi" },
  { '`http_version` `"1.0"`, `"1.1"` or `"2"`',
    app = "old_clients_get_a_response",
    server = "scope.http_version http2.http_version_is_2" },
  { '`method` upper case, e.g. `"GET"`',
    app = "methods_it_does_not_serve_get_a_response",
    server = "scope.methods" },
  { '`scheme` `"http"` or `"https"`', server = "scope.scheme_is_http" },
  { "`path` percent-decoded path, without the query, `root_path` included; a target with a bad "
    .. "escape or `%00` never reaches the application (400)",
    app = "a_path_may_have_any_bytes",
    server = "scope.path_is_decoded_once scope.bad_escapes_never_reach_the_application" },
  { "`raw_path` the path as it was on the wire, without the query (of an absolute-form target the "
    .. "path part; `*` for `OPTIONS *`)",
    server = "scope.raw_path_is_as_on_the_wire scope.raw_path_of_an_absolute_form "
      .. "scope.raw_path_of_the_asterisk_form" },
  { '`query_string` the bytes after `?`, still encoded, `""` if none',
    app = "a_query_may_be_anything",
    server = "scope.query_string_is_not_decoded" },
  { '`root_path` the prefix at which the application is mounted, `""` at the root',
    server = "scope.root_path_is_empty_at_the_root" },
  { "`headers` array of `{name, value}`", server = "scope.headers_are_pairs_in_order" },
  { "`client` `{host, port}` of the peer, or nil (unix socket)",
    app = "a_client_may_have_no_address",
    server = "scope.client_is_the_peer" },
  { "`server` `{host, port}` that the server listens on, or `{path, nil}` for a unix socket",
    server = "scope.server_is_the_listener" },
  { "`state` each request sees what the lifespan put there; what it sets stays its own (a lazy "
    .. "copy; the values themselves are shared)",
    server = "scope.requests_see_the_lifespans_state "
      .. "scope.what_a_request_sets_in_its_state_stays_its_own "
      .. "scope.values_in_the_state_are_shared" },
  { '`extensions` table of the extensions that this server offers, e.g. '
    .. '`["http.response.pathsend"]`',
    app = "nothing_depends_on_extensions",
    server = "scope.extensions_are_a_table" },
},

{ section = "receive()",
  { '`{type = "http.request", body = "<bytes>", more_body = true|false}`: the next piece of the '
    .. "body.",
    app = "pieces_are_put_together a_body_may_have_no_bytes",
    server = "receive.a_body_of_no_bytes receive.a_body_in_one_piece "
      .. "receive.a_body_in_many_pieces" },
  { "The server reads from the socket only as the application asks (backpressure).",
    server = "receive.nothing_is_read_that_nobody_asks_for" },
  { "An application that never calls `receive` costs nothing;",
    server_why = "what it costs can't be seen from outside" },
  { "the rest of the body is drained within limits, or the connection is closed after the "
    .. "response.",
    server = "receive.a_body_that_nobody_reads_is_drained_or_the_connection_closes" },
  { '`{type = "http.disconnect"}`: the client has gone, or the response is complete.',
    app = "it_ends_when_the_client_has_gone",
    server = "receive.a_client_that_leaves_is_told "
      .. "receive.a_client_that_leaves_inside_the_body_is_told "
      .. "receive.a_complete_response_is_a_disconnect" },
  { "From then on every `receive` returns this at once.",
    app = "stops_receiving",
    server = "receive.every_later_receive_tells_it_again" },
  { "Two tasks in `receive` at once: the second raises.",
    app = "one_receive_at_a_time",
    server = "receive.two_tasks_in_receive" },
  { "After the last piece `receive` suspends until the client leaves or the response is complete.",
    server = "receive.behind_the_last_piece_receive_waits" },
  { "When the rest of the body turns out to be malformed, too large or too slow, `receive` gives "
    .. "`http.disconnect`; if no response has started the server answers 400, 413 or 408 itself, "
    .. "and `send` then returns `nil, err`.",
    server = "receive.a_malformed_body_is_400 receive.a_body_that_is_too_large_is_413 "
      .. "receive.a_body_that_is_too_slow_is_408" },
},

{ section = "send(message)",
  { 'Returns true, or `nil, err` once the client has gone (`err.code == "ECLOSED"`; the second '
    .. "call after that raises it, so that no loop spins);",
    app = "stops_sending it_ends_when_the_client_has_gone",
    server = "send.send_returns_true receive.a_client_that_has_gone_is_nil_and_ECLOSED "
      .. "receive.to_go_on_sending_raises_it" },
  { "raises on misuse: a `status` that is missing, not an integer or outside 200 to 999, a bad "
    .. "header, a message out of order; the error names the key or the header.",
    app = "statuses_are_integers headers_are_pairs messages_in_order",
    server = "send.bad_statuses_raise send.bad_headers_raise send.messages_out_of_order_raise" },
  { "Every send is a checkpoint.", server = "send.another_request_is_served_between_two_sends" },
  { "For a request whose client has gone, `receive` and `send` answer as told here instead of "
    .. "raising Cancelled;",
    server = "receive.a_GET_hears_it_from_receive_and_send" },
  { "every other checkpoint of a GET or HEAD raises it, other methods run on.",
    server = "receive.other_checkpoints_of_a_GET_raise receive.other_methods_run_on" },
  { "It suspends while the client is slower than the application (backpressure), so a response of "
    .. "any length needs bounded memory.",
    server = "receive.send_waits_for_a_slow_client" },
  { '`{type = "http.response.start", status = 200, headers = {{"content-type", "text/plain"}}, '
    .. "trailers = false}`",
    app = "every_request_gets_a_whole_response",
    server = "send.status_headers_and_body_go_out send.headers_and_body_may_be_left_out "
      .. "send.all_statuses_go_out" },
  { '`{type = "http.response.body", body = "<bytes>", more_body = false}`; the response ends with '
    .. "the first message whose `more_body` is not true.",
    app = "nothing_behind_the_end",
    server = "send.the_response_ends_with_the_last_message send.nothing_can_be_sent_behind_it" },
  { '`{type = "http.response.trailers", headers = {...}, more_trailers = false}` if the start '
    .. "announced trailers.",
    app = "trailers_that_were_announced",
    server = "send.trailers_go_out" },
  { '`{type = "http.response.pathsend", path = "/absolute/file"}` (extension): the server sends '
    .. "the file without its bytes passing through Lua.",
    app = "paths_are_absolute extensions_that_are_offered",
    server = "send.a_file_is_sent send.bad_paths_raise" },
  { '`{type = "http.response.informational", status = 103, headers = {...}}` (extension), before '
    .. "the start.",
    app = "extensions_that_are_offered",
    server = "send.informational_responses_go_out send.bad_informational_statuses_raise" },
  { "The start is held until the first body message, so an error between the two, or a pathsend "
    .. "of a missing file, is still a clean 500.",
    server = "send.an_error_behind_the_start_is_a_clean_500 send.a_missing_file_is_a_clean_500" },
  { "An application that returns without having completed its response: 500 if nothing was sent, "
    .. "otherwise the connection is cut.",
    app = "every_request_gets_a_whole_response",
    server = "send.to_return_without_a_response_is_500 "
      .. "send.to_return_inside_the_body_cuts_the_response" },
  { "For pathsend the server adds content-length.", server = "send.a_file_has_its_length" },
  { "The server adds `date`, and framing: `content-length` when the whole body is in one message "
    .. "or the application gave it, chunked transfer coding or HTTP/2 frames otherwise.",
    server = "send.date_is_added send.one_message_gets_a_length "
      .. "send.the_applications_own_length_is_kept send.several_messages_are_chunked" },
  { "It never sends a body for HEAD, 1xx, 204 and 304.",
    app = "HEAD_gets_a_response",
    server = "send.no_body_for_HEAD send.no_body_for_1xx send.no_body_for_204 "
      .. "send.no_body_for_304" },
  { "A body longer or shorter than the application's own `content-length` raises and the "
    .. "connection is closed.",
    app = "lengths_agree",
    server = "send.a_body_that_is_too_long_raises send.a_body_that_is_too_short_raises" },
  { "A header name that is not a token, or a value with CR, LF or NUL, raises: nothing is sent, "
    .. "and the application may still send a valid start.",
    app = "names_are_tokens values_are_lines",
    server = "send.names_that_are_no_token_raise send.values_with_CR_LF_or_NUL_raise "
      .. "send.nothing_is_left_of_a_start_that_raises" },
  { "A `content-length` found wrong before anything was written gives 500.",
    server = "send.a_wrong_length_found_in_time_is_500" },
  { "Hop-by-hop headers (`connection`, `transfer-encoding`, `keep-alive`, `upgrade`) are the "
    .. "server's.",
    server = "send.hop_by_hop_headers_are_dropped" },
  { "On HTTP/2 `host` is made of `:authority`, cookie crumbs are joined with `; `, and "
    .. "pseudo-headers are never listed.",
    server = "http2.host_is_made_of_authority http2.cookies_are_joined "
      .. "http2.pseudo_headers_are_not_listed" },
},

{ section = "WebSocket scope",
  { '`type = "websocket"`, `scheme` `"ws"` or `"wss"`, `subprotocols` an array; otherwise as for '
    .. "HTTP, without `method`.",
    server = "websocket.the_scope_of_a_websocket websocket.no_subprotocols_are_an_empty_array" },
  { "permessage-deflate is negotiated where the client offers it;",
    server = "websocket.deflate_is_negotiated websocket.no_deflate_unless_the_client_offers_it" },
  { "a message may have 1 MiB, that size included, unless the server is told otherwise "
    .. "(`--ws-max-message`);",
    server = "websocket.a_message_of_1_MiB_is_taken websocket.a_longer_message_is_1009" },
  { "a request without Origin is let through.", server = "websocket.no_origin_is_let_through" },
  { "receive: `websocket.connect`; `websocket.receive` with `text` or `bytes` (one whole "
    .. "message); `websocket.disconnect` with `code`, `reason`.",
    app = "websocket_ends_with_the_client",
    server = "websocket.connect_comes_first websocket.text_and_bytes_are_told_apart "
      .. "websocket.fragments_are_one_message websocket.a_disconnect_has_code_and_reason "
      .. "websocket.a_client_that_leaves_is_told" },
  { "send: `websocket.accept` with `subprotocol`, `headers`; `websocket.send` with `text` or "
    .. "`bytes`; `websocket.close` with `code` (default 1000), `reason`;",
    app = "websocket_messages_in_order websocket_messages_are_well_formed",
    server = "websocket.accept_chooses_subprotocol_and_headers websocket.close_has_code_and_reason "
      .. "websocket.the_default_code_is_1000" },
  { "before acceptance, `websocket.close` refuses with 403, and `websocket.http.response.start` / "
    .. "`.body` (extension) refuse with any response.",
    server = "websocket.close_before_acceptance_is_403 websocket.any_response_may_refuse" },
},

{ section = "Lifespan scope",
  { '`type = "lifespan"`, with `state`.', server = "lifespan.lifespan_has_a_state" },
  { "At start-up the application gets `lifespan.startup` and answers `lifespan.startup.complete` "
    .. "or `lifespan.startup.failed` with `message` (the server then exits with that message and "
    .. "status 3);",
    app = "start_up_is_answered a_failure_has_a_message",
    server = "lifespan.start_up_comes_first", server_why = OF_THE_PROCESS },
  { "when all connections have drained it gets `lifespan.shutdown` and answers "
    .. "`lifespan.shutdown.complete` or `.failed`.",
    app = "shutdown_is_answered", server_why = OF_THE_PROCESS },
  { "An application that raises or returns before its first `receive` on this scope does without "
    .. "a lifespan; one that raises later has failed to start.",
    app = "start_up_is_answered", server_why = OF_THE_PROCESS },
},
}
