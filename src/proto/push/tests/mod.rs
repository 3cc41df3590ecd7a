mod bounds;
mod hub;
mod prefixes;
mod property;
mod timing;
mod world;
