mod bounds;
mod hub;
mod property;
mod world;
