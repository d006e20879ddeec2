//! Memory that replicas of one process hold together: for drivers that run them by the thousand.
//!
//! Only what is equal, compared value by value, is shared, and whoever writes to it next takes a copy. So nobody can
//! tell but by counting bytes.

use std::sync::Arc;

use super::Replica;
use crate::doc::Doc;
use crate::id::DocId;
use crate::views::Directory;

impl Replica {
    /// Takes over another's copy of a document if it is equal to the one here. Says whether it is.
    pub fn share_doc(&mut self, id: &DocId, copy: &Arc<Doc>) -> bool {
        self.docs.get_mut(id).is_some_and(|own| take_over(own, copy))
    }

    /// Takes over another's copy of the directory if it is equal to the one here. Says whether it is.
    pub fn share_directory(&mut self, copy: &Arc<Directory>) -> bool {
        // While something is staged the keys are those of an earlier directory.
        take_over(&mut self.keys.directory, copy);
        take_over(&mut self.views.directory, copy)
    }
}

fn take_over<T: Eq>(own: &mut Arc<T>, copy: &Arc<T>) -> bool {
    // Whether both are one is asked first, so this costs nothing the second time.
    let equal = own == copy;
    if equal {
        *own = Arc::clone(copy);
    }
    equal
}
