//! Groups in the pool: joined, left and sent to by their addresses.

use super::datagram_opening::SocketExtra;
use super::id::Id;
use super::pool::{Pool, PoolSource};
use crate::close::CloseReason;
use crate::error::{Failure, Status};
use crate::kind::Kind;
use crate::multicast::{
    GroupAddress, GroupError, GroupOptions, InterfaceChoice, JoinSocket, Membership, interfaces,
    memberships, open_sender,
};
use crate::sockets::SocketOptions;

impl Pool {
    /// Receives the groups that an address such as `239.1.2.3:5000`, `239.1.2.3:5000%eth0`,
    /// `10.0.0.5@232.1.2.3:5000` or `[ff15::1]:5000%all` means: one source of the pool for each group on
    /// each interface, which receives what is sent to that group alone. All are joined, or none is.
    ///
    /// # Errors
    /// It is no group, is joined already, there is no such interface, or the kernel refuses.
    pub fn join(&mut self, group: &str) -> Result<Vec<Id>, Failure> {
        let (address, wanted) = meant(group)?;
        let mut joined = Vec::new();
        for membership in wanted {
            match self.join_one(membership, address.port) {
                Ok(id) => joined.push(id),
                Err(failure) => {
                    // The handler has not seen these ids: no `Closed` is due.
                    joined.into_iter().for_each(|id| drop(self.remove(id)));
                    return Err(failure);
                }
            }
        }
        Ok(joined)
    }

    fn join_one(&mut self, membership: Membership, port: u16) -> Result<Id, Failure> {
        let title = membership.to_string();
        if self.member(&membership, port).is_some() {
            let cause = "it is joined already";
            return Err(Failure::new(Status::Listen, Kind::AlreadyJoined, "join", title, cause));
        }
        let (socket, _) = JoinSocket::open(membership, port, &SocketOptions::default())?;
        socket.join()?;
        let (socket, membership) = socket.into_parts();
        let id = self
            .add_datagrams(socket.into())
            .map_err(|error| Failure::io(Status::Listen, "join", title, &error))?;
        self.set_extra(id, Some(SocketExtra::Group(membership, port)));
        Ok(id)
    }

    /// Leaves the groups that an address means: nothing more is received, and [`Closed`](super::Event::Closed)
    /// follows for each source. All are left, or none is.
    ///
    /// # Errors
    /// It is no group, or is not joined.
    pub fn leave(&mut self, group: &str) -> Result<(), Failure> {
        let (address, meant) = meant(group)?;
        let find = |membership: &Membership| {
            let title = membership.to_string();
            let cause = "it is not joined";
            self.member(membership, address.port)
                .ok_or_else(|| Failure::new(Status::Listen, Kind::NotJoined, "leave", title, cause))
        };
        let found: Vec<Id> = meant.iter().map(find).collect::<Result<_, _>>()?;
        // The kernel ends a membership with its socket.
        found.into_iter().for_each(|id| self.abort(id, CloseReason::HOST));
        Ok(())
    }

    /// The groups that are joined, each with its source in the pool. An address is displayed as
    /// [`Pool::leave`] takes it.
    pub fn groups(&self) -> impl Iterator<Item = (Id, GroupAddress)> + '_ {
        self.members().map(|(id, membership, port)| (id, membership.address(port)))
    }

    fn members(&self) -> impl Iterator<Item = (Id, &Membership, u16)> {
        self.sources.ids().filter_map(|id| match self.sources.get(id)? {
            PoolSource::Datagrams(datagrams) if datagrams.closed.is_none() => {
                match datagrams.extra.as_deref()? {
                    SocketExtra::Group(membership, port) => Some((id, membership, *port)),
                    SocketExtra::File { .. } => None,
                }
            }
            _ => None,
        })
    }

    fn member(&self, wanted: &Membership, port: u16) -> Option<Id> {
        let mut members = self.members();
        let is_it = |(_, one, at): &(Id, &Membership, u16)| one.is_same(wanted) && *at == port;
        members.find(is_it).map(|(id, ..)| id)
    }

    /// A socket that sends to groups by one interface, with a TTL of its own: the interface of
    /// `239.1.2.3:5000%eth0`, or the one that the route to the group leaves by. [`Pool::send_to`] sends
    /// by it to any group of that family, and answers of single members come to it.
    ///
    /// ```
    /// use wirecat::event_loop::{EventLoop, GroupOptions};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// let options = GroupOptions { ttl: 4, loopback: true, ..GroupOptions::default() };
    /// let sender = event_loop.pool().group_sender("239.255.7.1:5000%lo", &options)?;
    /// event_loop.pool().send_to(sender, b"to all", "239.255.7.1:5000")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// It is no group, there is no such interface, or it cannot be bound to.
    pub fn group_sender(&mut self, group: &str, options: &GroupOptions) -> Result<Id, Failure> {
        let (address, meant) = meant(group)?;
        let refuse =
            |cause: &str| Failure::new(Status::Usage, Kind::BadAddress, "send to", group, cause);
        address.check_send()?;
        if address.interface == InterfaceChoice::All {
            return Err(refuse("a sender has one interface"));
        }
        let member = meant.first().ok_or_else(|| refuse("it names no group"))?;
        let (socket, _) = open_sender(member.group, &member.interface, options)?;
        self.add_datagrams(socket.into())
            .map_err(|error| Failure::io(Status::Listen, "send to", group, &error))
    }
}

/// A group address, and what it means now.
fn meant(group: &str) -> Result<(GroupAddress, Vec<Membership>), Failure> {
    let address = match group.parse::<GroupAddress>() {
        Err(GroupError::Unicast(ip)) => {
            let cause = "it is the address of one machine, and no multicast group";
            let target = ip.to_string();
            return Err(Failure::new(Status::Usage, Kind::NotMulticast, "use", target, cause));
        }
        parsed => parsed?,
    };
    let meant = memberships(&address, &interfaces::list()?)?;
    Ok((address, meant))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::super::datagram_opening::tests::next_datagram;
    use super::*;
    use crate::event_loop::EventLoop;

    #[test]
    fn groups_are_joined_listed_and_left() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let groups = format!("239.255.6.1+2:{port}%lo");
        let joined = pool.join(&groups).unwrap();
        let listed: Vec<String> = pool.groups().map(|(_, group)| group.to_string()).collect();
        let first = format!("239.255.6.1:{port}%lo");
        assert_eq!(listed, [first.clone(), format!("239.255.6.2:{port}%lo")]);
        assert_eq!(pool.join(&first).unwrap_err().kind, Kind::AlreadyJoined);
        // What cannot be joined as a whole changes nothing.
        let more = format!("239.255.6.0+2:{port}%lo");
        assert_eq!(pool.join(&more).unwrap_err().kind, Kind::AlreadyJoined);
        assert_eq!(pool.groups().count(), 2);
        let options = GroupOptions { ttl: 0, ..GroupOptions::default() };
        let sender = pool.group_sender(&first, &options).unwrap();
        let send = |pool: &mut Pool, last: u8| {
            let group = format!("239.255.6.{last}:{port}");
            assert!(pool.send_to(sender, format!("to {last}").as_bytes(), &group).unwrap());
        };
        send(pool, 2);
        assert_eq!(next_datagram(&mut event_loop), (joined[1], "to 2".to_owned()));
        event_loop.pool().leave(&first).unwrap();
        assert_eq!(event_loop.pool().leave(&first).unwrap_err().kind, Kind::NotJoined);
        assert_eq!(event_loop.pool().leave(&groups).unwrap_err().kind, Kind::NotJoined);
        send(event_loop.pool(), 1);
        send(event_loop.pool(), 2);
        assert_eq!(next_datagram(&mut event_loop), (joined[1], "to 2".to_owned()));
        assert_eq!(event_loop.pool().groups().count(), 1);
        event_loop.pool().join(&first).unwrap();
        assert_eq!(event_loop.pool().groups().count(), 2);
    }

    #[test]
    fn what_is_wrong_with_a_group_is_said() {
        let mut event_loop = EventLoop::new().unwrap();
        let pool = event_loop.pool();
        let options = GroupOptions::default();
        let said = |outcome: Result<Id, Failure>| outcome.unwrap_err().to_string();
        let first = |outcome: Result<Vec<Id>, Failure>| outcome.map(|ids| ids[0]);
        for (said, cause) in [
            (said(first(pool.join("10.0.0.1:5"))), "no multicast group"),
            (said(first(pool.join("239.1.2.3:5%none"))), "no interface is called none"),
            (said(pool.group_sender("239.1.2.3:5%all", &options)), "a sender has one interface"),
            (said(pool.group_sender("10.0.0.5@232.1.2.3:5%lo", &options)), "SOURCE@"),
        ] {
            assert!(said.contains(cause), "{said}");
        }
    }
}
