-- match.lua - how well a route fits a request.

--- NONE: another path.  PARTIAL: the path, but not the method.  FULL: both.
return { NONE = 0, PARTIAL = 1, FULL = 2 }
