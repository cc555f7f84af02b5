async function getAllTasks() {
  const allTasks = [];
  let page = 1;
  let hasMore = true;
  
  while (hasMore) {
    const response = await client.tasks.list({
      page,
      limit: 100 // Use maximum page size
    });
    
    allTasks.push(...response.data);
    hasMore = response.pagination.hasNext;
    page++;
  }
  
  return allTasks;
}
