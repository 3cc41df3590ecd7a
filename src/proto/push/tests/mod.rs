mod bounds;
mod hub;
mod property;
mod timing;
mod world;
