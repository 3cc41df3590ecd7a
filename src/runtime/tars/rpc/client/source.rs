use std::sync::Weak;

use shardcast_proto::tars::{Endpoint, ObjectRef};

use super::{ProxyError, object::Object};

/// Finds the endpoints of objects. A proxy of an object without endpoints in its string (`App.Server.Obj`) asks the
/// source of its communicator, such as a registry.
///
/// # Examples
/// ```
/// use std::error::Error;
///
/// use shardcast::tars::{Endpoint, ObjectRef, rpc::{Communicator, CommunicatorBuilder, EndpointList, EndpointSource}};
///
/// /// Knows where everything is.
/// struct OneHost;
///
/// impl EndpointSource for OneHost {
///     fn watch(&self, object: &ObjectRef, endpoints: EndpointList) -> Result<(), Box<dyn Error + Send + Sync>> {
///         println!("{} has proxies", object.name);
///         endpoints.set(&["tcp -h 10.0.0.1 -p 10100".parse::<Endpoint>()?]);
///         Ok(())
///     }
/// }
///
/// let builder: CommunicatorBuilder = Communicator::builder().source(OneHost);
/// let proxy = builder.build().proxy("Demo.HelloServer.HelloObj")?;
/// assert_eq!(proxy.endpoints()[0].host, "10.0.0.1");
/// # Ok::<(), Box<dyn Error>>(())
/// ```
pub trait EndpointSource: Send + Sync {
    /// Begins to watch an object: sets its endpoints now, and whenever they change. Called once for each object that has
    /// proxies, on the thread that makes the first; it may block.
    ///
    /// # Errors
    /// The object is unknown, or the source cannot be asked. Then there is no proxy.
    fn watch(
        &self,
        object: &ObjectRef,
        endpoints: EndpointList,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// The endpoints of an object that has proxies.
#[derive(Clone, Debug)]
pub struct EndpointList(pub(super) Weak<Object>);

impl EndpointList {
    /// Sets the endpoints. Connections to those that stay are kept; others get no more calls, and end when those in
    /// flight have ended. False if the object has no proxy any more.
    pub fn set(&self, endpoints: &[Endpoint]) -> bool {
        let object = self.0.upgrade();
        object.inspect(|object| object.set_endpoints(endpoints)).is_some()
    }
}

/// The endpoints that an object string has itself.
pub(super) fn watch_direct(object: &ObjectRef, list: &EndpointList) -> Result<(), ProxyError> {
    let unusable: Vec<_> = object.endpoints.iter().filter(|it| !is_supported(it)).collect();
    if unusable.len() == object.endpoints.len() {
        return Err(match unusable.first() {
            Some(endpoint) => ProxyError::Unsupported(endpoint.to_string()),
            None => ProxyError::NoEndpoint,
        });
    }
    list.set(&object.endpoints);
    Ok(())
}

/// Whether calls can be sent there.
pub(super) fn is_supported(endpoint: &Endpoint) -> bool {
    endpoint.transport == shardcast_proto::tars::Transport::Tcp && !endpoint.auth
}
