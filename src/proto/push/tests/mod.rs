mod bounds;
mod hub;
mod once;
mod prefixes;
mod property;
mod timing;
mod work;
mod world;
