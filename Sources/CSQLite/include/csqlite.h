// What of SQLite is variadic and so hidden from Swift, and not among GRDB's own wrappers.
#ifndef CSQLITE_H
#define CSQLITE_H

// Whether the last connection to a database brings the log into it when it closes (on: SQLite's way). After a failed sync
// that would try the sync again on the same descriptors. Returns SQLite's code.
int csqlite_checkpoint_on_close(void *connection, int on);

#endif
