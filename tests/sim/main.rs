//! What part of what accounts really have reaches callers: vendors with limits, caches and moods of their own, callers who come
//! when they like, and a clock that nobody has to wait for. Everything is seeded; the results are in `docs/pool.md`.

mod agents;
mod chance;
mod hedge;
mod hour;
mod load;
mod meter;
mod page;
mod score;
mod stack;
mod tenants;
mod trouble;
mod vendor;
